package main

// The checker on the Internet, where one is configured.

import (
	"reflect"

	"github.com/edgeguard/edgeguard/internal/hairpin/checker"
	"github.com/edgeguard/edgeguard/internal/secret"
)

// makeChecker makes the checker of c, or takes over that of old.
func (d *daemon) makeChecker(c, old *concerns) error {
	switch {
	case c.cfg.Outside.URL.IsZero():
		return nil
	case old.checker != nil && c.wan == old.wan && sameChecker(old.cfg.Outside, c.cfg.Outside):
		c.checker = old.checker
		return nil
	}
	cfg := c.cfg.Outside
	cfg.Dial, cfg.Log = d.dial, component(d.log, "checker")
	c.checker = checker.New(cfg, c.wan.Address())
	return nil
}

// sameChecker reports whether two configs ask the same in the same way.
func sameChecker(a, b checker.Config) bool {
	same := a.URL.Reveal() == b.URL.Reveal()
	a.URL, b.URL = secret.Value{}, secret.Value{}
	return same && reflect.DeepEqual(a, b)
}

// outside is what the checker said; zero where there is none.
func (c *concerns) outside() checker.Status {
	if c.checker == nil {
		return checker.Status{}
	}
	return c.checker.Status().Load()
}

// outsideNews is the signal that the checker has said something else; nil where
// there is none.
func (c *concerns) outsideNews() <-chan struct{} {
	if c.checker == nil {
		return nil
	}
	_, news := c.checker.Status().Get()
	return news
}
