package dnsserver

// Looking at the DNS server from outside, as a device in the house does.

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

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
	"github.com/edgeguard/edgeguard/internal/tidy"
)

const (
	// lookPatience bounds one try of a question: a name of the world may have
	// to be found first.
	lookPatience = 4 * time.Second
	// maxLooked bounds the names that are asked for.
	maxLooked = 16
	// lookLabel stands for any name below a wildcard.
	lookLabel = "edgeguard-doctor"
)

// LookConfig is what Look needs.
type LookConfig struct {
	// Servers are where the DNS server is to answer, as a device is told them;
	// no unspecified addresses.
	Servers []netip.AddrPort
	// Overrides are the names to be answered with local addresses.
	Overrides []zone.Override
	// Holder names who holds a port of this host, in words, for network "udp"
	// or "tcp"; empty means that nobody does or that it is not known. Nil is as
	// one who never knows.
	Holder func(network string, addr netip.AddrPort) string
}

// Look asks whoever answers at cfg.Servers, over UDP and TCP, for the names of
// cfg and one of the world, and says what comes back. What only the server
// itself can count is not known: see Status.Asked. The link "clients" is zero.
func Look(ctx context.Context, cfg LookConfig) Status {
	l := looking{cfg: cfg}
	var group sync.WaitGroup
	for _, server := range cfg.Servers {
		for _, network := range []string{"udp", "tcp"} {
			one := &looked{server: server, network: network}
			l.all = append(l.all, one)
			group.Go(func() { one.ask(ctx, cfg.Overrides) })
		}
	}
	group.Wait()
	st := Status{Asked: true, Overrides: slices.Clone(cfg.Overrides), DNS: l.link()}
	for _, one := range l.all {
		if one.answers && !slices.Contains(st.Listen, one.server) {
			st.Listen = append(st.Listen, one.server)
		}
	}
	st.DNS.Summary, st.DNS.Action = tidy.Sentence(st.DNS.Summary), tidy.Sentence(st.DNS.Action)
	return st
}

// looked is what one server said in one way of asking it.
type looked struct {
	server  netip.AddrPort
	network string
	answers bool     // it answers at all
	failed  string   // why it does not
	wrong   []string // names that it answers otherwise than it should
	world   string   // why no name of the world was found; empty where one was
}

// ask asks everything.
func (l *looked) ask(ctx context.Context, overrides []zone.Override) {
	m, err := l.exchange(ctx, ".", dns.TypeNS)
	switch {
	case err != nil:
		l.world = "no answer: " + lookError(err)
	case m.Rcode != dns.RcodeSuccess:
		l.answers, l.world = true, dns.RcodeToString[m.Rcode]
	case !slices.ContainsFunc(m.Answer, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeNS }):
		l.answers, l.world = true, "an empty answer"
	default:
		l.answers = true
	}
	for _, o := range overrides[:min(len(overrides), maxLooked)] {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
			if err := l.askName(ctx, o, qtype); err != nil {
				l.failed = lookError(err)
				return // the others would take as long
			}
		}
	}
	if !l.answers {
		l.failed = strings.TrimPrefix(l.world, "no answer: ")
	}
}

// askName asks for one name's addresses of one family.
func (l *looked) askName(ctx context.Context, o zone.Override, qtype uint16) error {
	name := strings.Replace(o.Name, "*", lookLabel, 1)
	m, err := l.exchange(ctx, name, qtype)
	if err != nil {
		return err
	}
	l.answers = true
	want := o.V4
	if qtype == dns.TypeAAAA {
		want = o.V6
	}
	if got := addressesIn(m); !sameSet(got, want) {
		l.wrong = append(l.wrong, fmt.Sprintf("%s %s is %s, not %s", name, dns.TypeToString[qtype], saying(m.Rcode, got), saying(dns.RcodeSuccess, want)))
	}
	return nil
}

// exchange asks once; over UDP again once, as a datagram may be lost.
func (l *looked) exchange(ctx context.Context, name string, qtype uint16) (*dns.Msg, error) {
	m := new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype)
	client := dns.Client{Net: l.network, Timeout: lookPatience}
	answer, _, err := client.ExchangeContext(ctx, m, l.server.String())
	if err != nil && l.network == "udp" && ctx.Err() == nil {
		answer, _, err = client.ExchangeContext(ctx, m, l.server.String())
	}
	return answer, err
}

// lookError is an error without the ports that change from time to time.
func lookError(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		if op.Timeout() {
			return "no answer in time"
		}
		return tidy.Line(op.Err.Error(), 256)
	}
	return tidy.Line(err.Error(), 256)
}

func addressesIn(m *dns.Msg) (list []netip.Addr) {
	for _, rr := range m.Answer {
		var ip net.IP
		switch rr := rr.(type) {
		case *dns.A:
			ip = rr.A
		case *dns.AAAA:
			ip = rr.AAAA
		}
		if addr, ok := netip.AddrFromSlice(ip); ok {
			list = append(list, addr.Unmap())
		}
	}
	return list
}

func sameSet(a, b []netip.Addr) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.SortFunc(a, netip.Addr.Compare)
	slices.SortFunc(b, netip.Addr.Compare)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

func saying(rcode int, list []netip.Addr) string {
	switch {
	case len(list) > 0:
		words := make([]string, len(list))
		for i, a := range list {
			words[i] = a.String()
		}
		return strings.Join(words, " and ")
	case rcode != dns.RcodeSuccess:
		return dns.RcodeToString[rcode]
	}
	return "no address"
}
