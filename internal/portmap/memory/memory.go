// Package memory is what the keeper of the forwards must know over restarts:
// what each router was found to do, and what was made on it. It is small,
// bounded, and written only when it changed.
package memory

import (
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/durable"
	"github.com/edgeguard/edgeguard/internal/fact"
)

// How much is remembered; what was used longest ago goes first.
const (
	MaxRouters = 16
	MaxMade    = 64
)

// Router is what is known of one router.
type Router struct {
	// ID is its identity; never empty.
	ID string `json:"id"`
	// Gateway is the address at which it was last met; zero where that is not
	// known.
	Gateway netip.Addr `json:"gateway,omitzero"`
	// Endless is whether it keeps only forwards without an end; EndlessWhy
	// says by what that was seen.
	Endless    bool   `json:"endless,omitempty"`
	EndlessWhy string `json:"endless_why,omitempty"`
	// NoEndless is whether it refuses forwards without an end.
	NoEndless bool `json:"no_endless,omitempty"`
	// NoLeases is whether it shows forwards with an end as without one.
	NoLeases bool `json:"no_leases,omitempty"`
	// Method is what last worked on it; empty where nothing has.
	Method fact.Method `json:"method,omitempty"`
	// OwnHostOnly is when it last refused a forward to another host than the
	// one that asks; zero where it has not.
	OwnHostOnly time.Time `json:"own_host_only,omitzero"`
}

// Made is a forward that was asked for, and may be there.
type Made struct {
	// Router is the identity of the router.
	Router       string        `json:"router"`
	Protocol     fact.Protocol `json:"protocol"`
	ExternalPort uint16        `json:"external_port"`
	// Internal is the internal client.
	Internal netip.AddrPort `json:"internal"`
	// Description is the one that the router shows; empty for PCP and NAT-PMP.
	Description string      `json:"description,omitempty"`
	Method      fact.Method `json:"method"`
	// Nonce is PCP's; all zero for the other methods.
	Nonce Nonce `json:"nonce,omitzero"`
}

// same reports whether a and b are one entry of a router's table.
func (a Made) same(b Made) bool {
	return a.Router == b.Router && a.Protocol == b.Protocol && a.ExternalPort == b.ExternalPort &&
		a.Internal == b.Internal && a.Method == b.Method
}

// Memory is what is remembered. Make one with Open. Only one goroutine may use
// it.
type Memory struct {
	path    string // empty means no file
	log     *slog.Logger
	routers []Router // the last used one last
	made    []Made   // the last used one last
	changed bool     // since the file was written
	warned  bool     // the file could not be written last time
}

// Open reads the file at path; an empty path keeps everything in memory.
// Nothing about the file is fatal: what cannot be used is set aside, with a
// warning.
func Open(path string, log *slog.Logger) *Memory {
	m := &Memory{path: path, log: log}
	err := durable.Load(path, maxFile, func(raw []byte) (err error) {
		m.routers, m.made, err = parse(raw)
		return err
	})
	var damaged *durable.DamagedError
	switch {
	case errors.As(err, &damaged):
		log.Warn("the state file of the forwards is damaged or not ours; it is set aside, and the router is looked at afresh",
			"path", path, "moved_to", damaged.MovedTo, "err", damaged.Err)
	case err != nil:
		log.Warn("the state file of the forwards cannot be read; starting without it", "path", path, "err", err)
	}
	return m
}

// Peek is Open for one who only looks: the file stays as it is, whatever is in
// it, and Save writes nothing.
func Peek(path string, log *slog.Logger) *Memory {
	m := &Memory{log: log}
	raw, err := durable.ReadFile(path, maxFile)
	if err == nil {
		m.routers, m.made, err = parse(raw)
	}
	if err != nil {
		log.Debug("nothing is known of what was made on the router", "path", path, "err", err)
	}
	return m
}

// Save writes the file where something has changed. A file that cannot be
// written is told once; the daemon goes on without, and tries again with the
// next change.
func (m *Memory) Save() {
	if !m.changed || m.path == "" {
		return
	}
	m.changed = false
	raw, err := encode(m.routers, m.made)
	if err == nil {
		err = durable.Save(m.path, raw)
	}
	if err != nil && !m.warned {
		m.log.Warn("the state file of the forwards cannot be written; after a restart the router's oddities must be found out again, and a forward that was left behind may not be known as ours",
			"path", m.path, "err", err)
	}
	m.warned = err != nil
}

// Router returns what is known of a router; of one that is not known, its ID
// alone.
func (m *Memory) Router(id string) Router {
	if i := m.router(id); i >= 0 {
		return m.routers[i]
	}
	return Router{ID: id}
}

func (m *Memory) router(id string) int {
	return slices.IndexFunc(m.routers, func(r Router) bool { return r.ID == id })
}

// At returns the identity of the router that was last met at the gateway's
// address; empty where none was.
func (m *Memory) At(gateway netip.Addr) string {
	for _, r := range slices.Backward(m.routers) {
		if gateway.IsValid() && r.Gateway == gateway {
			return r.ID
		}
	}
	return ""
}

// Learn changes what is known of a router. Routers without an identity are not
// remembered.
func (m *Memory) Learn(id string, change func(*Router)) {
	at := m.router(id)
	r := m.Router(id)
	before := r
	change(&r)
	r.ID, r.Gateway = id, r.Gateway.Unmap().WithZone("")
	if r.check() != nil {
		return // nothing that could not be read again
	}
	if at >= 0 && r == before && at == len(m.routers)-1 {
		return
	}
	if at >= 0 {
		m.routers = slices.Delete(m.routers, at, at+1)
	}
	m.routers = append(m.routers, r)
	m.changed = true
	if over := len(m.routers) - MaxRouters; over > 0 {
		m.routers = slices.Delete(m.routers, 0, over)
	}
}

// Rename gives what is known of the router before to the router after, of
// which nothing is known yet: it is the same one, met by its name.
func (m *Memory) Rename(before, after string) {
	if before == after || (Router{ID: after}).check() != nil {
		return
	}
	if i := m.router(before); i >= 0 {
		m.changed = true
		if m.router(after) < 0 {
			m.routers[i].ID = after
		} else {
			m.routers = slices.Delete(m.routers, i, i+1)
		}
	}
	for i := range m.made {
		if m.made[i].Router == before {
			m.made[i].Router, m.changed = after, true
		}
	}
}

// Made lists what may be there on a router, oldest first.
func (m *Memory) Made(router string) []Made {
	var list []Made
	for _, e := range m.made {
		if e.Router == router {
			list = append(list, e)
		}
	}
	return list
}

// Keep remembers that e may be there, in the place of what was known of the
// same entry.
func (m *Memory) Keep(e Made) {
	if e.check() != nil {
		return // nothing that could not be read again
	}
	at := slices.IndexFunc(m.made, e.same)
	if at >= 0 && m.made[at] == e {
		return
	}
	if at >= 0 {
		m.made = slices.Delete(m.made, at, at+1)
	}
	m.made, m.changed = append(m.made, e), true
	if over := len(m.made) - MaxMade; over > 0 {
		m.made = slices.Delete(m.made, 0, over)
	}
}

// Forget drops e: it is not there any more.
func (m *Memory) Forget(e Made) {
	before := len(m.made)
	m.made = slices.DeleteFunc(m.made, e.same)
	m.changed = m.changed || len(m.made) != before
}

// Find returns the entry of a router's table that was made for a port by a
// method, the latest where there are several.
func (m *Memory) Find(router string, p fact.Protocol, port uint16, method fact.Method, good func(Made) bool) (Made, bool) {
	for _, e := range slices.Backward(m.made) {
		if e.Router == router && e.Protocol == p && e.ExternalPort == port && e.Method == method && good(e) {
			return e, true
		}
	}
	return Made{}, false
}
