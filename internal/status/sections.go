package status

// The snapshot's sections, each made from one concern's status.

import (
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/wan"
)

// maxListed bounds a list that others can make long: a certificate's names,
// evidence, overrides.
const maxListed = 256

// maker makes sections; every piece of text goes through its scrubber.
type maker struct{ scrub scrubber }

// text cleans, scrubs and cuts s.
func (m maker) text(s string) string { return m.scrub.text(s) }

// optional is text, or nil where nothing is left.
func (m maker) optional(s string) *string {
	if s = m.text(s); s == "" {
		return nil
	}
	return &s
}

// texts is text for a list, which is never nil and at most maxListed long.
func (m maker) texts(list []string) []string {
	return each(true, list, m.text)
}

// each makes a list of at most maxListed entries. It is nil where nothing was
// said, and never nil otherwise.
func each[From, To any](said bool, list []From, make1 func(From) To) []To {
	if !said {
		return nil
	}
	made := make([]To, 0, min(len(list), maxListed))
	for _, from := range list[:min(len(list), maxListed)] {
		made = append(made, make1(from))
	}
	return made
}

func (m maker) config(c ConfigStatus) Config {
	return Config{File: m.optional(c.File), LoadedAt: instant(c.LoadedAt), Error: m.optional(c.Err)}
}

func (m maker) link(id string, link fact.Link, since time.Time) Link {
	made := Link{
		ID:       id,
		Status:   link.Verdict,
		Summary:  m.text(link.Summary),
		Since:    seconds(since),
		Action:   m.optional(link.Action),
		Evidence: m.texts(link.Evidence),
	}
	if made.Summary == "" {
		made.Summary = "No details were given."
		if link.Verdict == fact.VerdictUnknown {
			made.Summary = "Nothing is known of this link yet."
		}
	}
	return made
}

func (m maker) wan(s wan.Status, r router.Status) WAN {
	return WAN{
		IPv4:      known(s.IPv4),
		IPv4State: stateOf(s.IPv4),
		IPv6:      known(s.IPv6),
		IPv6State: stateOf(s.IPv6),
		NAT:       m.optional(s.NAT),
		ChangedAt: instant(s.ChangedAt),
		Sources: each(spoken(s), s.Sources, func(source wan.SourceStatus) Source {
			return Source{
				Name:       m.text(source.Name),
				State:      stateOf(source.Observation),
				Address:    known(source.Observation),
				ObservedAt: instant(source.Observation.At),
				LastError:  m.optional(source.Err),
			}
		}),
		Events:   m.events(r),
		LastHint: m.hint(s.LastHint),
	}
}

// events are nil before anybody has tried to listen.
func (m maker) events(r router.Status) []EventSource {
	made := func(name string, e router.EventSource) EventSource {
		return EventSource{Name: name, On: e.On, Detail: m.optional(e.Why)}
	}
	if !spoken(r.Events) {
		return nil
	}
	return []EventSource{made("gena", r.Events.GENA), made("announcements", r.Events.Announcements), made("ssdp", r.Events.SSDP)}
}

func (m maker) hint(h wan.Hint) *Hint {
	if h.At.IsZero() {
		return nil
	}
	return &Hint{Kind: m.text(h.Kind), At: seconds(h.At)}
}

func (m maker) records(s ddns.Status) []Record {
	return each(spoken(s), s.Records, func(r ddns.RecordStatus) Record {
		return Record{
			Name:           m.text(r.Name),
			Type:           m.text(r.Type),
			Provider:       m.text(r.Provider),
			Desired:        known(r.Desired),
			DesiredState:   stateOf(r.Desired),
			Published:      known(r.Published),
			PublishedState: stateOf(r.Published),
			Phase:          m.optional(string(r.Phase)),
			VerifiedAt:     instant(r.VerifiedAt),
			WrongSince:     instant(r.WrongSince),
			ChangedAt:      instant(r.Change),
			Intercepted:    r.Intercepted,
			LastError:      m.optional(r.LastError),
			NextAttemptAt:  instant(r.NextAttemptAt),
		}
	})
}

func (m maker) dns(s dnsserver.Status) DNS {
	said := spoken(s)
	counts := said && !s.Asked // what only the server itself knows
	made := DNS{
		Listen:    each(said, s.Listen, func(a netip.AddrPort) netip.AddrPort { return a }),
		TLSListen: each(counts, s.TLSListen, func(a netip.AddrPort) netip.AddrPort { return a }),
		Waiting: each(counts, s.Waiting, func(w dnsserver.WaitingAddress) Waiting {
			return Waiting{Address: w.Address, TLS: w.TLS, Absent: w.Absent, Reason: m.optional(w.Reason)}
		}),
		Overrides: each(said, s.Overrides, func(o zone.Override) Override {
			same := func(a netip.Addr) netip.Addr { return a }
			return Override{
				Name:   m.text(o.Name),
				IPv4:   each(true, o.V4, same),
				IPv6:   each(true, o.V6, same),
				Reason: m.optional(o.Reason),

				SignedBy: m.optional(signedBy(s.Public, o.Name)),
			}
		}),
		Upstreams:   each(counts, s.Upstreams, m.upstream),
		ClientsSeen: each(counts || s.Clients != nil, s.Clients, client),
	}
	if counts {
		c, q := Cache(s.Cache), Queries(s.Queries)
		c.LimitBytes = max(c.LimitBytes, 0) // a negative limit means no cache
		made.Cache, made.Queries, made.ClientsTotal = &c, &q, &s.ClientsTotal
	}
	return made
}

// signedBy is the signed zone that an overridden name lies in, or "".
func signedBy(views []dnsserver.PublicView, name string) string {
	for _, v := range views {
		if v.Name == name {
			return v.SignedBy
		}
	}
	return ""
}

func (m maker) upstream(u dnsserver.UpstreamStatus) Upstream {
	made := Upstream{
		Name: m.text(u.Name), Protocol: m.text(u.Protocol), PlainFallback: u.PlainFallback,
		Address:   endpoint(u.Address),
		Healthy:   yesNo(u.Healthy),
		Queries:   u.Queries,
		Failures:  u.Failures,
		LastError: m.optional(u.LastError),
	}
	if u.RTT > 0 {
		made.RTTSeconds = new(u.RTT.Seconds())
	}
	return made
}

func client(c dnsserver.ClientSeen) Client {
	made := Client{LastAt: instant(c.LastAt), Queries: c.Queries}
	if c.Address.IsValid() {
		made.Address = &c.Address
	}
	return made
}

// known is the observed address, or nil.
func known(o fact.Observation) *netip.Addr {
	if o.State != fact.Known || !o.Addr.IsValid() {
		return nil
	}
	return &o.Addr
}

// stateOf is "unknown", "none" or "known"; a known address that is none is not
// known.
func stateOf(o fact.Observation) string {
	if o.State == fact.Known && !o.Addr.IsValid() {
		return fact.Unknown.String()
	}
	return o.State.String()
}

// endpoint is a, or nil where there is none.
func endpoint(a netip.AddrPort) *netip.AddrPort {
	if !a.IsValid() {
		return nil
	}
	return &a
}

// yesNo is a verdict on something that is so or is not; unknown is neither.
func yesNo(v fact.Verdict) *bool {
	if v == fact.VerdictUnknown {
		return nil
	}
	return new(v != fact.VerdictFail)
}

// seconds is t as the snapshot keeps times. Fractions are cut because common
// readers of RFC 3339 (jq among them) refuse them.
func seconds(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// instant is seconds, or nil where there is no time, or one that RFC 3339
// cannot say: a certificate may name any year.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = seconds(t)
	if t.Year() < 0 || t.Year() > 9999 {
		return nil
	}
	return &t
}
