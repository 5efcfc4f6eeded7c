package history

// The state file: addresses and verdicts over restarts.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/durable"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/tidy"
)

const (
	fileVersion = 1
	// maxFile bounds the file: two hundred summaries, with room.
	maxFile = 1 << 20
	// maxSummary bounds a summary, in bytes.
	maxSummary = 1024
	// writeGap keeps two writes apart: a NAS often has flash.
	writeGap = time.Minute
)

// file is the file's form. Its lists are in the order in which they were seen,
// the oldest first; times are RFC 3339.
type file struct {
	Version int           `json:"version"`
	WAN     []fileAddress `json:"wan"`
	Links   []fileChange  `json:"links"`
}

type fileAddress struct {
	At      time.Time  `json:"at"`
	Family  string     `json:"family"`
	Address netip.Addr `json:"address"` // empty where there is none
}

type fileChange struct {
	At      time.Time    `json:"at"`
	ID      string       `json:"id"`
	Status  fact.Verdict `json:"status"`
	Summary string       `json:"summary"`
}

// Run writes the file, at most once a minute and not in the first one, and at the
// end, which is when ctx ends. It returns nil.
func (h *History) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
		case <-h.dirty:
			if pause(ctx, h.gap()) {
				h.save()
				continue
			}
			h.touch() // it is still to be written
		}
		break
	}
	select {
	case <-h.dirty:
		h.save()
	default:
	}
	return nil
}

// gap is how long the next write is to wait.
func (h *History) gap() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return max(time.Until(h.written.Add(writeGap)), 0)
}

// pause waits, and reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}

// save writes the file. One that cannot be written is told once.
func (h *History) save() {
	select { // what came during the wait is written with the rest
	case <-h.dirty:
	default:
	}
	h.mu.Lock()
	wan, links := h.wan, h.links
	h.written = time.Now()
	h.mu.Unlock()
	if h.cfg.Path == "" {
		return
	}
	raw, err := json.MarshalIndent(formOf(wan, links), "", " ")
	if err == nil {
		err = durable.Save(h.cfg.Path, raw)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil && !h.warned {
		h.cfg.Log.Warn("the history cannot be written, so after a restart it begins anew; make the folder of state_dir writable",
			"path", h.cfg.Path, "err", err)
	}
	h.warned = err != nil
}

func formOf(wan []Address, links []Change) file {
	f := file{Version: fileVersion, WAN: []fileAddress{}, Links: []fileChange{}}
	for _, a := range wan {
		f.WAN = append(f.WAN, fileAddress{a.At, a.Family, a.Addr})
	}
	for _, c := range links {
		f.Links = append(f.Links, fileChange{c.At, c.ID, c.Verdict, c.Summary})
	}
	return f
}

// load reads the file.
func (h *History) load() {
	err := durable.Load(h.cfg.Path, maxFile, func(raw []byte) (err error) {
		h.wan, h.links, err = parse(raw, h.cfg.Links)
		return err
	})
	var damaged *durable.DamagedError
	switch {
	case errors.As(err, &damaged):
		h.cfg.Log.Warn("the state file of the history is damaged or not ours; it is set aside, and the history begins anew",
			"path", h.cfg.Path, "moved_to", damaged.MovedTo, "err", damaged.Err)
	case err != nil:
		h.cfg.Log.Warn("the state file of the history cannot be read; starting without it", "path", h.cfg.Path, "err", err)
	}
}

// parse reads the file's text, which anybody may have written. Links that are
// none of ids belong to another version, and are left out.
func parse(raw []byte, ids []string) (wan []Address, links []Change, err error) {
	var f file
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, nil, fmt.Errorf("reading its JSON: %w", err)
	}
	switch {
	case f.Version != fileVersion:
		return nil, nil, fmt.Errorf("its version is %d, not %d", f.Version, fileVersion)
	case len(f.WAN) > maxAddresses, len(f.Links) > maxChanges:
		return nil, nil, fmt.Errorf("it holds %d addresses and %d changes of links", len(f.WAN), len(f.Links))
	}
	for _, a := range f.WAN {
		six := a.Family == IPv6
		switch {
		case !sayable(a.At), !six && a.Family != IPv4:
			return nil, nil, errors.New("it holds an address of no time or family")
		case a.Address.IsValid() && (a.Address.Is6() != six || a.Address.Zone() != "" || a.Address.Is4In6()):
			return nil, nil, errors.New("it holds an address of another family")
		}
		wan = append(wan, Address{stamp(a.At), a.Family, a.Address})
	}
	for _, c := range f.Links {
		switch {
		case !sayable(c.At):
			return nil, nil, errors.New("it holds a change of no time")
		case slices.Contains(ids, c.ID):
			links = append(links, Change{stamp(c.At), c.ID, c.Status, tidy.Line(c.Summary, maxSummary)})
		}
	}
	return wan, links, nil
}

// sayable reports whether there is a time that RFC 3339 can say in UTC.
func sayable(t time.Time) bool {
	year := t.UTC().Year()
	return !t.IsZero() && year >= 0 && year <= 9999
}
