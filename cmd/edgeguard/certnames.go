package main

// What the public DNS says of the names of the certificate: asked of the
// authoritative servers and the configured upstreams, never of ourselves, who
// answer the home's own view, nor of the host's resolv.conf.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/acme"
	"github.com/edgeguard/edgeguard/internal/ddns/authority"
	"github.com/edgeguard/edgeguard/internal/tidy"
	"github.com/miekg/dns"
)

const (
	// maxAliases bounds a chain of CNAME records, as resolvers do.
	maxAliases = 8
	// maxAnswers bounds what is read of one answer.
	maxAnswers = 32
	// askTime bounds one question to the upstreams.
	askTime = 10 * time.Second
)

// certNamesConfig is what newCertNames needs.
type certNamesConfig struct {
	// Recurse asks the configured upstreams; required. It sees to it that the
	// answer is one to the question.
	Recurse func(ctx context.Context, question *dns.Msg) (*dns.Msg, error)
	// Encrypted reports whether nobody on the way can change what Recurse
	// answers; nil means that somebody may.
	Encrypted func() bool
	// Resolvers are the plain upstreams; each is asked by itself. They must not
	// be ourselves. May be nil.
	Resolvers []netip.AddrPort
	// Dial opens the sockets to the authoritative servers and to Resolvers; nil
	// means a plain net.Dialer, which is right outside of tests.
	Dial authority.DialFunc
}

// certNames implements acme.Names.
type certNames struct {
	cfg   certNamesConfig
	asker *authority.Asker
}

// newCertNames returns what looks the names up.
func newCertNames(cfg certNamesConfig) (*certNames, error) {
	asker, err := authority.New(authority.Config{Resolvers: cfg.Resolvers, Recurse: cfg.Recurse, Dial: cfg.Dial})
	if err != nil {
		return nil, fmt.Errorf("setting up the look-ups for the certificate: %w", err)
	}
	return &certNames{cfg: cfg, asker: asker}, nil
}

// ask asks the upstreams. An answer that says neither what there is nor that
// there is nothing is an error.
func (n *certNames) ask(ctx context.Context, name string, qtype uint16) (*dns.Msg, error) {
	what := dns.TypeToString[qtype] + " record of " + name
	if _, ok := dns.IsDomainName(name); !ok || strings.Trim(name, ".") == "" {
		return nil, fmt.Errorf("%q is no domain name", tidy.Line(name, 255))
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	question := new(dns.Msg).SetQuestion(dns.CanonicalName(name), qtype)
	answer, err := n.cfg.Recurse(ctx, question)
	switch {
	case err != nil:
		return nil, fmt.Errorf("asking the upstream DNS servers for the %s: %w", what, err)
	case answer.Rcode != dns.RcodeSuccess && answer.Rcode != dns.RcodeNameError:
		return nil, fmt.Errorf("asking the upstream DNS servers for the %s: the answer is %s", what, dns.RcodeToString[answer.Rcode])
	}
	return answer, nil
}

// plainName is a name as people write it.
func plainName(name string) string { return strings.TrimSuffix(dns.CanonicalName(name), ".") }

// Target implements acme.Names.
func (n *certNames) Target(ctx context.Context, name string) (string, error) {
	at := plainName(name)
	seen := []string{at}
	for {
		answer, err := n.ask(ctx, at, dns.TypeCNAME)
		if err != nil {
			return "", err
		}
		next := aliasIn(answer, at)
		switch {
		case next == "":
			return at, nil
		case slices.Contains(seen, next):
			return "", fmt.Errorf("the CNAME records of %s lead in a circle: %s", name, strings.Join(append(seen, next), " to "))
		case len(seen) > maxAliases:
			return "", fmt.Errorf("the CNAME records of %s lead on and on: more than %d of them", name, maxAliases)
		}
		at, seen = next, append(seen, next)
	}
}

// aliasIn is where the CNAME record of name leads; empty where there is none. A
// target with odd characters is no host's name, and nobody could write it.
func aliasIn(answer *dns.Msg, name string) string {
	for _, rr := range answer.Answer {
		if cname, ok := rr.(*dns.CNAME); ok && plainName(cname.Hdr.Name) == name {
			target := plainName(cname.Target)
			return tidy.Line(target, 255)
		}
	}
	return ""
}

// TXT implements acme.Names.
func (n *certNames) TXT(ctx context.Context, name string) ([]acme.View, error) {
	encrypted := n.cfg.Encrypted != nil && n.cfg.Encrypted()
	var upstreams []acme.View
	var wg sync.WaitGroup
	wg.Go(func() { upstreams = n.upstreamViews(ctx, name, encrypted) })
	replies, err := n.asker.Texts(ctx, name)
	wg.Wait()
	hijacked := errors.Is(err, authority.ErrIntercepted)
	if err != nil && !hijacked {
		return nil, fmt.Errorf("looking for the TXT record %s: %w", name, err)
	}
	var views []acme.View
	for _, r := range replies {
		views = append(views, acme.View{Server: fmt.Sprintf("%s (%s)", tidy.Line(r.Server, 255), r.Addr), Values: r.Texts, Err: r.Err})
	}
	if hijacked && !encrypted { // their answers came the same way
		for i := range upstreams {
			upstreams[i].Values, upstreams[i].Err = nil, err
		}
	}
	return append(views, upstreams...), nil
}

// upstreamViews are what the plain upstreams say, one by one; where the upstreams
// are encrypted, what they say together.
func (n *certNames) upstreamViews(ctx context.Context, name string, encrypted bool) []acme.View {
	if encrypted || len(n.cfg.Resolvers) == 0 {
		view := acme.View{Server: "the upstream DNS servers"}
		answer, err := n.ask(ctx, name, dns.TypeTXT)
		if err == nil {
			view.Values, err = authority.TextsIn(answer, name)
		}
		view.Err = err
		return []acme.View{view}
	}
	views := make([]acme.View, min(len(n.cfg.Resolvers), maxAnswers))
	var wg sync.WaitGroup
	for i := range views {
		wg.Go(func() {
			r := n.asker.TextsAt(ctx, n.cfg.Resolvers[i], name)
			views[i] = acme.View{Server: "the upstream DNS server " + r.Addr.String(), Values: r.Texts, Err: r.Err}
		})
	}
	wg.Wait()
	return views
}

// Addresses implements acme.Names.
func (n *certNames) Addresses(ctx context.Context, name string) ([]string, error) {
	var list []string
	for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
		answer, err := n.ask(ctx, name, qtype)
		if err != nil {
			return nil, err
		}
		for _, rr := range atTheEnd(answer, name) {
			var ip net.IP
			switch rr := rr.(type) {
			case *dns.A:
				ip = rr.A.To4()
			case *dns.AAAA:
				ip = rr.AAAA.To16()
			}
			if addr, ok := netip.AddrFromSlice(ip); ok && rr.Header().Rrtype == qtype {
				list = append(list, addr.String())
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// atTheEnd are the records of an answer at the end of the aliases that begin at
// name, a few at most. Others do not belong to it.
func atTheEnd(answer *dns.Msg, name string) (list []dns.RR) {
	at := plainName(name)
	for range maxAliases {
		next := aliasIn(answer, at)
		if next == "" {
			break
		}
		at = next
	}
	for _, rr := range answer.Answer {
		if plainName(rr.Header().Name) == at && len(list) < maxAnswers {
			list = append(list, rr)
		}
	}
	return list
}

// CAA implements acme.Names: the first name with such records, from name up to
// the top, decides (RFC 8659, section 3). At an alias those of its target count.
func (n *certNames) CAA(ctx context.Context, name string) ([]string, error) {
	for at := strings.TrimPrefix(plainName(name), "*."); at != ""; _, at, _ = strings.Cut(at, ".") {
		answer, err := n.ask(ctx, at, dns.TypeCAA)
		if err != nil {
			return nil, err
		}
		var list []string
		for _, rr := range atTheEnd(answer, at) {
			if caa, ok := rr.(*dns.CAA); ok {
				list = append(list, tidy.Line(caa.Tag, 64)+" "+tidy.Line(caa.Value, 512))
			}
		}
		if len(list) > 0 {
			return list, nil
		}
	}
	return nil, nil
}
