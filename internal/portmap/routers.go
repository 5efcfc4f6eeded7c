package portmap

// Which router this is, and what was found out about it.

import (
	"net/netip"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/portmap/memory"
)

// standIn begins what a router is called that gives no identity.
const standIn = "gateway "

// nameless reports whether id is no name of the router's own. One that has
// answered by PCP or NAT-PMP only is known by its address until it is found by
// UPnP, which may be a moment later.
func nameless(id string) bool {
	_, err := netip.ParseAddr(id)
	return err == nil || strings.HasPrefix(id, strings.TrimSpace(standIn))
}

// ownHostFor is how long a router's refusal of other hosts is believed before
// it is tried again.
const ownHostFor = 24 * time.Hour

// gatewayAddr is the default gateway's address; zero where it is not known.
func (k *Keeper) gatewayAddr() netip.Addr {
	if k.cfg.GatewayAddr == nil {
		return netip.Addr{}
	}
	addr, err := k.cfg.GatewayAddr()
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap()
}

// describe names the router for people; empty where nothing is known of it.
func (k *Keeper) describe() string {
	if text := k.gw.Describe(); text != "" {
		return text
	}
	if addr := k.gatewayAddr(); addr.IsValid() {
		return "router at " + addr.String()
	}
	return ""
}

// meet finds out which router this is. One that gives no identity, or none at
// the moment, is the one that was last met at its address.
func (k *Keeper) meet() {
	addr := k.gatewayAddr()
	id := k.gw.Identity()
	if at, err := netip.ParseAddr(id); err == nil {
		id = ""
		if !addr.IsValid() {
			addr = at.Unmap()
		}
	}
	known := id != ""
	if id == "" {
		id = k.memory.At(addr)
	}
	if id == "" && (!addr.IsValid() || k.memory.Router(k.router).Gateway == addr) {
		id = k.router
	}
	if id == "" {
		id = strings.TrimSpace(standIn + addrText(addr))
	}
	if before := k.router; before != id {
		k.router = id
		k.changed(before, id)
	}
	if known && addr.IsValid() {
		k.memory.Learn(id, func(r *memory.Router) { r.Gateway = addr })
	}
}

// changed follows another identity. A stand-in's is the same router, met by
// its name at last; what its methods were chosen for holds no more.
func (k *Keeper) changed(before, id string) {
	if before == "" {
		return
	}
	same := nameless(before)
	if same {
		k.memory.Rename(before, id)
	}
	for _, f := range k.forwards {
		if !same {
			f.forgetRouter()
		}
		f.firstAt = time.Now()
	}
}

func addrText(addr netip.Addr) string {
	if !addr.IsValid() {
		return ""
	}
	return addr.String()
}

// learn changes what is remembered of the router.
func (k *Keeper) learn(change func(*memory.Router)) {
	k.meet()
	k.memory.Learn(k.router, func(r *memory.Router) {
		change(r)
		if addr := k.gatewayAddr(); addr.IsValid() {
			r.Gateway = addr
		}
	})
}

// endless reports whether this router keeps only forwards without an end.
func (k *Keeper) endless() bool {
	k.meet()
	return k.memory.Router(k.router).Endless
}

func (k *Keeper) rememberEndless(why string) {
	k.meet()
	if r := k.memory.Router(k.router); r.Endless || r.NoEndless {
		return
	}
	k.learn(func(r *memory.Router) { r.Endless, r.EndlessWhy = true, why })
	k.log.Info("asking this router for forwards without an end from now on", "router", k.describe(), "reason", why)
}

// ownHostOnly reports whether this router has lately refused forwards to other
// hosts than the one that asks.
func (k *Keeper) ownHostOnly() bool {
	at := k.memory.Router(k.router).OwnHostOnly
	age := time.Since(at)
	return !at.IsZero() && age >= 0 && age < ownHostFor
}

// record is how an entry of f's is remembered.
func (k *Keeper) record(f *forward, method fact.Method, client netip.AddrPort) memory.Made {
	return memory.Made{Router: k.router, Protocol: f.Protocol, ExternalPort: f.ExternalPort, Internal: client, Method: method}
}

// recorded reports whether e is, to the letter, what was made on this router.
func (k *Keeper) recorded(f *forward, e fact.Mapping) bool {
	k.meet()
	_, ok := k.memory.Find(k.router, f.Protocol, f.ExternalPort, fact.MethodIGD, func(m memory.Made) bool {
		return m.Internal == e.Internal && m.Description == e.Description
	})
	return ok
}

// wasGranted reports whether PCP or NAT-PMP made an entry like e for us.
func (k *Keeper) wasGranted(f *forward, e fact.Mapping) bool {
	for _, method := range []fact.Method{fact.MethodPCP, fact.MethodNATPMP} {
		if _, ok := k.memory.Find(k.router, f.Protocol, f.ExternalPort, method, func(m memory.Made) bool { return m.Internal == e.Internal }); ok {
			return true
		}
	}
	return false
}

// noteAsked remembers that an entry of ours may be there from now on, before
// the router is asked: whatever happens next, it is known as ours.
func (k *Keeper) noteAsked(f *forward) {
	k.meet() // which may be another router than before: nothing is known of it
	f.asked = true
	made := k.record(f, fact.MethodIGD, f.client)
	made.Description = f.description
	if _, ok := k.memory.Find(k.router, f.Protocol, f.ExternalPort, fact.MethodIGD, func(m memory.Made) bool { return m.Internal == f.client }); !ok {
		k.memory.Keep(made)
		k.memory.Save()
	}
}

// noteMade remembers our entry as the router shows it, and forgets what stood
// in its place.
func (k *Keeper) noteMade(f *forward, e fact.Mapping) {
	for _, old := range k.memory.Made(k.router) {
		if old.Method == fact.MethodIGD && old.Protocol == f.Protocol && old.ExternalPort == f.ExternalPort && old.Internal != e.Internal {
			k.memory.Forget(old)
		}
	}
	made := k.record(f, fact.MethodIGD, e.Internal)
	made.Description = e.Description
	k.memory.Keep(made)
}
