package dnsserver

// Forgetting names whose records have just changed.

import (
	"context"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
	"github.com/edgeguard/edgeguard/internal/watch"
)

// Purge forgets the answers of all types to questions about exactly these
// names, and all answers that lead to one of them by CNAME, DNAME or as the
// target of a service binding; stale ones and the saved ones too. An answer
// that is under way still reaches its client but is not kept. What is not a
// host name is passed over.
func (s *Server) Purge(names ...string) {
	var keys [][]byte
	for _, name := range names {
		if key, err := wire.PackName(name); err == nil {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return
	}
	if n := s.cache.Purge(time.Now(), keys...); n > 0 {
		s.log.Info("answers about names whose address changed are forgotten", "names", names, "answers", n)
		s.store.loop.Kick()
	}
}

// PurgeOn purges the names that changed returns for the value of v and for each
// new one, until ctx ends; then it returns nil. Old is the value before, at first
// the zero T: what came before PurgeOn was called is not lost.
func PurgeOn[T any](ctx context.Context, s *Server, v *watch.Value[T], changed func(old, now T) []string) error {
	var old T
	for {
		now, next := v.Get()
		s.Purge(changed(old, now)...)
		old = now
		select {
		case <-ctx.Done():
			return nil
		case <-next:
		}
	}
}
