package dnsserver

// Looking at overridden names from outside: whether they lie in a signed zone,
// and what the world says of them that the LAN is not told.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/upstream"
	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/loop"
)

const (
	// outsideAfter is how long after the start the first look is: the network
	// has better things to do then.
	outsideAfter = 30 * time.Second
	// outsideEvery is how often names are looked at while they are the same,
	// outsideRetry how soon again, at the latest, where nobody answered.
	outsideEvery = 24 * time.Hour
	outsideRetry = 10 * time.Minute
	// outsideWait is how soon an upstream is looked for again.
	outsideWait = 15 * time.Second
	// maxOutside bounds the names that are looked at, maxCuts the zones above
	// each.
	maxOutside = 64
	maxCuts    = 8
)

// PublicView is what the world says of an overridden name. There is none for a
// name that could not be looked at yet.
type PublicView struct {
	// Name is the override's.
	Name string
	// SignedBy is the signed zone that the name lies in, canonical, "." for
	// the root; empty where it lies in none. A device that checks signatures
	// itself refuses a local answer in a signed zone (RFC 4035, section 5).
	SignedBy string
	// AAAA are the public IPv6 addresses, CNAME is where the name leads, HTTPS
	// whether there is a service binding. None of them is told to the LAN.
	AAAA  []netip.Addr
	CNAME string
	HTTPS bool
	// CheckedAt is when that was asked.
	CheckedAt time.Time
}

// watchOutside looks at the names now and then, and soon after they changed.
func (s *Server) watchOutside(ctx context.Context) error {
	begin := time.Now()
	looks := loop.New(loop.Config{Name: "dns names from outside", MaxBackoff: outsideRetry, Step: func(ctx context.Context) (time.Duration, error) {
		if early := s.outsideAfter - time.Since(begin); early > 0 {
			return early, nil
		}
		return s.lookOutside(ctx)
	}})
	ended := make(chan struct{})
	// Before the first round, and before each kick: what changes after that is
	// a kick of its own.
	_, changed := s.zone.Get()
	go func() {
		defer close(ended)
		for {
			select {
			case <-ctx.Done():
				return
			case <-changed:
				_, changed = s.zone.Get()
				looks.Kick()
			}
		}
	}()
	err := looks.Run(ctx)
	<-ended
	return err
}

// lookOutside looks at all names once. What could not be asked stays as it was.
func (s *Server) lookOutside(ctx context.Context) (time.Duration, error) {
	if !slices.ContainsFunc(s.rules.Load().upstream.Status(), func(u upstream.Status) bool { return u.Healthy == fact.VerdictPass }) {
		return outsideWait, nil
	}
	old := s.publicViews()
	var views []PublicView
	var unasked error
	signed := make(map[string]signature)
	for i, o := range s.zone.Load().Overrides() {
		if i == maxOutside || ctx.Err() != nil {
			break
		}
		view, err := s.lookAtName(ctx, o.Name, signed)
		at, known := slices.BinarySearchFunc(old, o.Name, func(v PublicView, name string) int { return cmp.Compare(v.Name, name) })
		switch {
		case errors.Is(err, errHomely):
			continue
		case err != nil:
			s.log.Debug("a name could not be looked at from outside", "name", o.Name, "err", err)
			unasked = err
			if !known {
				continue
			}
			view = old[at]
		case view.SignedBy != "" && (!known || old[at].SignedBy == ""):
			s.log.Warn("a local name lies in a signed zone: devices that check signatures themselves will refuse its local address",
				"name", o.Name, "signed_zone", view.SignedBy)
		}
		views = append(views, view)
	}
	slices.SortFunc(views, func(a, b PublicView) int { return cmp.Compare(a.Name, b.Name) })
	if !reflect.DeepEqual(old, views) {
		s.outside.Store(&views)
		s.changed()
	}
	return outsideEvery, unasked
}

func (s *Server) publicViews() []PublicView {
	if views := s.outside.Load(); views != nil {
		return *views
	}
	return nil
}

// errHomely means that a name is nobody else's to know.
var errHomely = errors.New("the name is not asked of the world")

// lookAtName asks upstream about one override.
func (s *Server) lookAtName(ctx context.Context, name string, signed map[string]signature) (PublicView, error) {
	v := PublicView{Name: name, CheckedAt: time.Now().UTC().Truncate(time.Second)}
	plain, wild := strings.CutPrefix(name, "*.")
	key, err := wire.PackName(plain)
	if err != nil {
		return v, err
	}
	var q wire.Question
	q.Ask(key, wire.TypeA, false)
	r := s.rules.Load()
	if p, _, _, special := r.specials.find(&q, 0); special && p < elsewhere {
		return v, errHomely
	}
	if f, _ := r.forwards.find(&q); f != nil {
		return v, errHomely
	}
	if v.SignedBy, err = s.signedBy(ctx, key, signed); err != nil || wild {
		return v, err
	}
	m, err := s.askOutside(ctx, key, wire.TypeAAAA)
	if err != nil {
		return v, err
	}
	for _, rr := range m.Answer {
		switch rr := rr.(type) {
		case *dns.AAAA:
			if addr, ok := netip.AddrFromSlice(rr.AAAA); ok {
				v.AAAA = append(v.AAAA, addr)
			}
		case *dns.CNAME:
			if v.CNAME == "" && dns.CanonicalName(rr.Hdr.Name) == dns.CanonicalName(m.Question[0].Name) {
				v.CNAME = strings.TrimSuffix(dns.CanonicalName(rr.Target), ".")
			}
		}
	}
	slices.SortFunc(v.AAAA, netip.Addr.Compare)
	m, err = s.askOutside(ctx, key, wire.TypeHTTPS)
	if err != nil {
		return v, err
	}
	v.HTTPS = slices.ContainsFunc(m.Answer, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeHTTPS })
	return v, nil
}

// signature is what is known of one name on the way to the root.
type signature struct {
	signed  bool   // it has a DS record, or zone says who else proves it
	by      string // the zone, where signed
	settled bool   // it is a zone without DS record: what is below is unsigned
}

// signedBy returns the signed zone that the name with this key lies in, or ""
// where there is none: the nearest name from it upwards that has a DS record,
// unless a zone without one comes first.
func (s *Server) signedBy(ctx context.Context, key []byte, known map[string]signature) (string, error) {
	var cuts [][]byte
	for at := key; len(at) > 1; at = at[1+int(at[0]):] {
		cuts = append(cuts, at)
	}
	if len(cuts) > 1 {
		cuts = cuts[:len(cuts)-1] // top-level domains are signed, as good as all
	}
	for _, at := range cuts[max(0, len(cuts)-maxCuts):] {
		sig, ok := known[string(at)]
		if !ok {
			var err error
			if sig, err = s.signatureOf(ctx, at); err != nil {
				return "", err
			}
			known[string(at)] = sig
		}
		if sig.signed || sig.settled {
			return sig.by, nil
		}
	}
	return "", nil
}

func (s *Server) signatureOf(ctx context.Context, key []byte) (signature, error) {
	m, err := s.askOutside(ctx, key, wire.TypeDS)
	if err != nil {
		return signature{}, err
	}
	name := m.Question[0].Name
	owns := func(typ uint16) func(dns.RR) bool {
		return func(rr dns.RR) bool {
			return rr.Header().Rrtype == typ && dns.CanonicalName(rr.Header().Name) == name
		}
	}
	if slices.ContainsFunc(m.Answer, owns(dns.TypeDS)) {
		return signature{signed: true, by: strings.TrimSuffix(name, ".")}, nil
	}
	if m.Rcode == dns.RcodeNameError {
		// The root proves that there is no such top-level domain.
		root := slices.ContainsFunc(m.Ns, func(rr dns.RR) bool {
			return rr.Header().Rrtype == dns.TypeSOA && rr.Header().Name == "."
		})
		if root {
			return signature{signed: true, by: "."}, nil
		}
		return signature{}, nil
	}
	if m, err = s.askOutside(ctx, key, wire.TypeNS); err != nil {
		return signature{}, err
	}
	return signature{settled: slices.ContainsFunc(m.Answer, owns(dns.TypeNS))}, nil
}

// askOutside asks upstream, past zone, cache and filter.
func (s *Server) askOutside(ctx context.Context, key []byte, qtype uint16) (*dns.Msg, error) {
	var q wire.Question
	if !q.Ask(key, qtype, true) {
		return nil, errors.New("it is no name")
	}
	r, err := s.rules.Load().upstream.Exchange(ctx, &q)
	if err != nil {
		return nil, err
	}
	m := new(dns.Msg)
	if err := m.Unpack(r.Packed()); err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError || len(m.Question) != 1 {
		return nil, fmt.Errorf("upstream says %s", dns.RcodeToString[m.Rcode])
	}
	return m, nil
}
