package dnsserver

// The cache over a restart: a file that is read once, and written now and then
// and at the end.

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/cache"
	"github.com/edgeguard/edgeguard/internal/durable"
	"github.com/edgeguard/edgeguard/internal/loop"
)

const (
	// saveEvery is how often the cache is written where it has changed; not
	// more often, for the sake of memory cards.
	saveEvery = 30 * time.Minute
	// loadPatience is for how long questions wait for the file: a disk that
	// hangs must not take the house offline.
	loadPatience = time.Second
)

// store keeps the cache in a file.
type store struct {
	log   *slog.Logger
	cache *cache.Cache
	path  func() string // of the file, as the rules say now; empty means none
	ready func()        // closes await's way
	gate  chan struct{} // closed once the file is loaded, or takes too long
	loop  *loop.Loop

	// The rest is step's own, and save's after the loop has ended.
	loaded bool
	saved  uint64 // the cache's version that is in the file
	warned bool   // the file could not be written last time
}

func newStore(log *slog.Logger, c *cache.Cache, path func() string) *store {
	st := &store{log: log, cache: c, path: path, gate: make(chan struct{})}
	st.ready = sync.OnceFunc(func() { close(st.gate) })
	st.loop = loop.New(loop.Config{Name: "dns cache file", Log: log, Step: st.step})
	if path() == "" {
		st.ready()
	}
	return st
}

// await waits until the file is loaded, but not for long.
func (st *store) await(ctx context.Context) {
	select {
	case <-st.gate:
	default:
		select {
		case <-st.gate:
		case <-ctx.Done():
		}
	}
}

// step loads the file the first time, and then saves it.
func (st *store) step(context.Context) (time.Duration, error) {
	if !st.loaded {
		st.loaded = true
		timer := time.AfterFunc(loadPatience, st.ready)
		st.load()
		timer.Stop()
		st.ready()
	} else {
		st.save()
	}
	return loop.Jitter(saveEvery, nil), nil
}

// load reads the file. Nothing about it is fatal.
func (st *store) load() {
	path := st.path()
	if path == "" {
		return
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		st.log.Warn("the saved DNS cache cannot be read; starting with an empty one", "path", path, "err", err)
		return
	}
	n, err := st.cache.Load(f, time.Now())
	f.Close()
	switch {
	case errors.Is(err, cache.ErrForeign):
		aside, failed := durable.SetAside(path)
		err := errors.Join(err, failed)
		st.log.Warn("the saved DNS cache is set aside; starting with an empty one", "path", path, "moved_to", aside, "err", err)
	case err != nil:
		st.log.Warn("the saved DNS cache is damaged; what stood before the damage is used", "path", path, "answers", n, "err", err)
	default:
		st.log.Debug("the saved DNS cache is loaded", "path", path, "answers", n)
	}
}

// save writes the file if there is something new to write. It warns once, and
// again after a success.
func (st *store) save() {
	path, version := st.path(), st.cache.Version()
	if path == "" || version == st.saved {
		return
	}
	n, err := writeFile(path, st.cache)
	switch {
	case err == nil:
		st.saved, st.warned = version, false
		st.log.Debug("the DNS cache is saved", "path", path, "answers", n)
	case !st.warned:
		st.warned = true
		st.log.Warn("the DNS cache cannot be saved, so it will be empty after a restart; make the folder of state_dir writable, or set cache_persist = false in [dns]", "path", path, "err", err)
	default:
		st.log.Debug("the DNS cache cannot be saved", "path", path, "err", err)
	}
}

// writeFile writes the cache. It is for nobody else to read: it says what the
// house looks at.
func writeFile(path string, c *cache.Cache) (n int, err error) {
	err = durable.WriteFile(path, func(w io.Writer) error {
		n, err = c.Save(w, time.Now())
		return err
	})
	return n, err
}
