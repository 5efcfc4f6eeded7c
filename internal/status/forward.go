package status

// The section forwards: what is known of each port that is kept open.

import (
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/portmap"
	"github.com/edgeguard/edgeguard/internal/portmap/pinhole"
)

// Forward is one port forward that is kept, or one pinhole.
type Forward struct {
	Service string `json:"service"`
	// Family is "ipv4" or "ipv6"; nil while the internal address is not known.
	Family *string `json:"family"`
	// Protocol is "TCP" or "UDP".
	Protocol       string          `json:"protocol"`
	ExternalPort   uint16          `json:"external_port"`
	Internal       *netip.AddrPort `json:"internal"`
	Method         *string         `json:"method"`
	State          *string         `json:"state"`
	LeaseExpiresAt *time.Time      `json:"lease_expires_at"`
	// ReadBackAt is when the router last showed it as ours.
	ReadBackAt *time.Time `json:"read_back_at"`
	// WokenBy is what brought the last look out of turn; nil where none came so.
	WokenBy *string `json:"woken_by"`
	// DownSeconds is how long it was missing when it was last found gone; nil
	// where it never was.
	DownSeconds *float64 `json:"down_seconds"`
	Router      *string  `json:"router"`
	Conflict    *string  `json:"conflict"`
	LastError   *string  `json:"last_error"`
	// Action is what a person can do about it; Note is worth knowing of a
	// forward that is active. Warning is what may surprise though it works, and
	// Steps are how to make it by hand, one by one.
	Action  *string  `json:"action"`
	Note    *string  `json:"note"`
	Warning *string  `json:"warning"`
	Steps   []string `json:"steps"`
	// Relay is nil where the router forwards to the service itself.
	Relay *Relay `json:"relay"`
}

// Relay is what the relay of a forward has carried since it started.
type Relay struct {
	// Listen is where it listens, Target the service.
	Listen *netip.AddrPort `json:"listen"`
	Target *netip.AddrPort `json:"target"`
	// Open and Total count connections; Refused those that were one too many,
	// Failed those that found no service.
	Open     int    `json:"open"`
	Total    uint64 `json:"total"`
	Refused  uint64 `json:"refused"`
	Failed   uint64 `json:"failed"`
	BytesIn  uint64 `json:"bytes_in"`
	BytesOut uint64 `json:"bytes_out"`
	// LastError is why the service was not reached last; nil since it was.
	LastError *string `json:"last_error"`
}

// The values of Forward.Family.
const (
	familyIPv4 = "ipv4"
	familyIPv6 = "ipv6"
)

func (m maker) forwards(s portmap.Status, six pinhole.Status) []Forward {
	list := each(spoken(s), s.Forwards, m.forward)
	for _, p := range six.Pinholes {
		list = append(list, m.pinhole(p))
	}
	return list
}

// pinhole is a pinhole as a forward: its port is the same on both sides.
func (m maker) pinhole(p pinhole.PinholeStatus) Forward {
	return Forward{
		Service:        m.text(p.Service),
		Family:         new(familyIPv6),
		Protocol:       m.text(string(p.Protocol)),
		ExternalPort:   p.Port,
		Internal:       endpoint(p.Internal),
		Method:         m.optional(string(p.Method)),
		State:          m.optional(string(p.State)),
		LeaseExpiresAt: instant(p.LeaseExpiresAt),
		Router:         m.optional(p.Router),
		LastError:      m.optional(p.LastError),
		Action:         m.optional(p.Action),
		Note:           m.optional(p.Note),
	}
}

func (m maker) forward(f portmap.ForwardStatus) Forward {
	return Forward{
		Service:        m.text(f.Service),
		Family:         familyOf(f.Internal.Addr()),
		Protocol:       m.text(string(f.Protocol)),
		ExternalPort:   f.ExternalPort,
		Internal:       endpoint(f.Internal),
		Method:         m.optional(f.Method),
		State:          m.optional(string(f.State)),
		LeaseExpiresAt: instant(f.LeaseExpiresAt),
		ReadBackAt:     instant(f.ReadBackAt),
		WokenBy:        m.optional(f.Woken),
		DownSeconds:    lasted(f.Down),
		Router:         m.optional(f.Router),
		Conflict:       m.optional(f.Conflict),
		LastError:      m.optional(f.LastError),
		Action:         m.optional(f.Action),
		Note:           m.optional(f.Note),
		Warning:        m.optional(f.Warning),
		Steps:          each(f.Steps != nil, f.Steps, m.text),
		Relay:          m.relayed(f.Relay),
	}
}

func (m maker) relayed(r *portmap.RelayStatus) *Relay {
	if r == nil {
		return nil
	}
	return &Relay{
		Listen: endpoint(r.Listen), Target: endpoint(r.Target),
		Open: max(r.Open, 0), Total: r.Total, Refused: r.Refused, Failed: r.Failed,
		BytesIn: r.BytesIn, BytesOut: r.BytesOut, LastError: m.optional(r.LastError),
	}
}

// familyOf is the family of an address, or nil where there is none.
func familyOf(a netip.Addr) *string {
	switch {
	case a.Is4(), a.Is4In6():
		return new(familyIPv4)
	case a.Is6():
		return new(familyIPv6)
	}
	return nil
}

// lasted is a duration in seconds, to the millisecond; nil where there is none.
func lasted(d time.Duration) *float64 {
	if d <= 0 {
		return nil
	}
	return new(float64(d.Round(time.Millisecond).Milliseconds()) / 1000)
}
