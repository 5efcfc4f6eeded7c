package main

// Notifications: what the notifier is fed with, and who may push an address.

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/notify"
	"github.com/edgeguard/edgeguard/internal/status"
	"github.com/edgeguard/edgeguard/internal/watch"
)

// newNews returns the value that feeds the notifier.
func newNews() *watch.Value[notify.Input] { return watch.New(notify.Input{}, notify.Input.Equal) }

// makeNotify makes the notifier of c, or takes the one of old.
func (d *daemon) makeNotify(c, old *concerns) (err error) {
	if old.notify != nil && sameNotify(old.cfg.Notify, c.cfg.Notify) {
		c.notify = old.notify
		return nil
	}
	cfg := c.cfg.Notify
	cfg.Dial, cfg.Log = d.dial, component(d.log, "notify")
	if c.notify, err = notify.New(cfg, d.news); err != nil {
		return fmt.Errorf("setting up notifications: %w", err)
	}
	return nil
}

// sameNotify reports whether two configs tell the same people in the same way.
func sameNotify(a, b notify.Config) bool {
	same := func(a, b notify.Target) bool {
		return a.Name == b.Name && a.URL.Reveal() == b.URL.Reveal() && slices.Equal(a.On, b.On) && a.After == b.After
	}
	return slices.EqualFunc(a.Targets, b.Targets, same) && a.StateFile == b.StateFile
}

// newsOf is what of a snapshot people may be told. The snapshot's texts are
// clean and without secrets already.
func newsOf(s *status.Snapshot) notify.Input {
	in := notify.Input{IPv4: observed(s.WAN.IPv4), IPv6: observed(s.WAN.IPv6)}
	for _, link := range s.Chain {
		l := notify.Link{ID: link.ID, Verdict: link.Status, Summary: link.Summary, Since: link.Since}
		if link.Action != nil {
			l.Action = *link.Action
		}
		in.Links = append(in.Links, l)
	}
	for _, r := range s.DDNS {
		record := notify.Record{Name: r.Name, Type: r.Type, Verified: r.Phase != nil && *r.Phase == string(ddns.PhaseVerified)}
		if r.Published != nil {
			record.Address = *r.Published
		}
		in.Records = append(in.Records, record)
	}
	return in
}

// observed makes an observation of an address of a snapshot. Of one that is not
// there nothing is claimed.
func observed(addr *netip.Addr) fact.Observation {
	if addr == nil {
		return fact.UnknownAddr("", time.Time{})
	}
	return fact.KnownAddr(*addr, "", time.Time{})
}

// pushAccess is who may push an address under the config in force.
func (d *daemon) pushAccess() (status.PushAccess, bool) {
	cfg := d.now.Load().cfg
	if cfg.Push.User == "" {
		return status.PushAccess{}, false
	}
	access := status.PushAccess{User: cfg.Push.User, Password: cfg.Push.Password}
	for _, r := range cfg.DDNS.Records {
		access.Names = append(access.Names, r.Domain)
	}
	return access, true
}

// pushed has the public address looked at, because a router said that there may
// be another.
func (d *daemon) pushed(kind string) { d.hint(kind) }
