package dnsserver

// Who may ask.

import (
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
)

// acl says which sources are answered. Everybody else is refused: an open
// resolver is a tool for attacks on others.
type acl struct {
	allow []netip.Prefix
	list  func() []netip.Prefix // may be nil
	own   atomic.Pointer[[]netip.Prefix]
}

func newACL(allow []netip.Prefix, own func() []netip.Prefix) *acl {
	a := &acl{allow: unmapped(allow), list: own}
	a.refresh()
	return a
}

// refresh asks again for the host's own prefixes.
func (a *acl) refresh() {
	if a.list == nil {
		return
	}
	own := slices.DeleteFunc(unmapped(a.list()), func(p netip.Prefix) bool {
		return p.Bits() == 0 // a default route is not a network of the house
	})
	a.own.Store(&own)
}

// permits reports whether addr may ask. 100.64.0.0/10 is not private: it is
// the provider's network (RFC 6598).
func (a *acl) permits(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast() || contains(a.allow, addr) {
		return true
	}
	return a.isOwn(addr)
}

// isOwn reports whether addr is in a network that this host is on.
func (a *acl) isOwn(addr netip.Addr) bool {
	own := a.own.Load()
	return own != nil && contains(*own, addr)
}

// isFirst reports whether addr is the first host of a network that this host
// is on.
func (a *acl) isFirst(addr netip.Addr) bool {
	own := a.own.Load()
	return own != nil && slices.ContainsFunc(*own, func(p netip.Prefix) bool { return p.Masked().Addr().Next() == addr })
}

func contains(list []netip.Prefix, addr netip.Addr) bool {
	for _, p := range list {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// unmapped returns the valid prefixes of list, out of their 4-in-6 form.
func unmapped(list []netip.Prefix) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range list {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		if p.IsValid() {
			out = append(out, p.Masked())
		}
	}
	return out
}

// viewOf returns the view of a client; an invalid one is near to nothing.
func (r *rules) viewOf(client netip.Addr) *zone.View {
	v := new(zone.View)
	r.fillView(v, client)
	return v
}

// fillView makes v the view of a client.
func (r *rules) fillView(v *zone.View, client netip.Addr) {
	v.Client, v.Own = client.Unmap().WithZone(""), nil
	if own := r.acl.own.Load(); own != nil {
		v.Own = *own
	}
}
