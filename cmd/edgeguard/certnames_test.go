package main

// The look-ups for the certificate, at real DNS servers on loopback.

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/cert/acme"
	"github.com/edgeguard/edgeguard/internal/ddns/authority"
	"github.com/miekg/dns"
)

var _ acme.Names = (*certNames)(nil)

// certInternet is a resolver, and name servers at public addresses.
type certInternet struct {
	resolver netip.AddrPort
	servers  map[netip.Addr]netip.AddrPort
}

// newCertInternet makes one whose resolver knows records and fails for names that
// begin with "broken".
func newCertInternet(t *testing.T, records ...string) *certInternet {
	return &certInternet{resolver: serveDNS(t, answering(t, false, records...)), servers: map[netip.Addr]netip.AddrPort{}}
}

// answering answers with the records of the name and type asked for, and with
// aliases; else with the SOA above the name.
func answering(t *testing.T, aa bool, records ...string) dns.HandlerFunc {
	var list []dns.RR
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, rr)
	}
	return func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.Authoritative = aa
		name := q.Question[0].Name
		if strings.HasPrefix(name, "broken") || aa && q.RecursionDesired {
			m.Rcode = dns.RcodeServerFailure
		}
		for _, rr := range list {
			h := rr.Header()
			switch {
			case m.Rcode != dns.RcodeSuccess:
			case h.Name == name && h.Rrtype == q.Question[0].Qtype:
				m.Answer = append(m.Answer, rr)
			case h.Name == name && h.Rrtype == dns.TypeCNAME:
				m.Answer = append(m.Answer, rr)
				name = rr.(*dns.CNAME).Target // those of the target come later in the list
			case h.Rrtype == dns.TypeSOA && dns.IsSubDomain(h.Name, name):
				m.Ns = append(m.Ns, rr)
			}
		}
		_ = w.WriteMsg(m)
	}
}

// serveDNS serves on loopback over UDP and TCP until the test ends.
func serveDNS(t *testing.T, handler dns.HandlerFunc) netip.AddrPort {
	t.Helper()
	for range 20 {
		tcp, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		udp, err := net.ListenPacket("udp4", tcp.Addr().String())
		if err != nil {
			tcp.Close()
			continue
		}
		for _, s := range []*dns.Server{{Listener: tcp, Handler: handler}, {PacketConn: udp, Handler: handler}} {
			up, done := make(chan struct{}), make(chan error, 1)
			s.NotifyStartedFunc = func() { close(up) }
			go func() { done <- s.ActivateAndServe() }()
			<-up
			t.Cleanup(func() { _ = s.Shutdown(); <-done })
		}
		return netip.MustParseAddrPort(tcp.Addr().String())
	}
	t.Fatal("no port is free over both UDP and TCP")
	return netip.AddrPort{}
}

// names are the look-ups in that internet.
func (i *certInternet) names(t *testing.T, encrypted bool) *certNames {
	t.Helper()
	n, err := newCertNames(certNamesConfig{
		Recurse: func(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
			m, _, err := new(dns.Client).ExchangeContext(ctx, q, i.resolver.String())
			return m, err
		},
		Encrypted: func() bool { return encrypted },
		Resolvers: []netip.AddrPort{i.resolver},
		Dial: func(ctx context.Context, network string, server netip.AddrPort) (net.Conn, error) {
			if server.Port() == 53 {
				to, ok := i.servers[server.Addr()]
				if !ok {
					return nil, errors.New("nobody is there")
				}
				server = to
			}
			return new(net.Dialer).DialContext(ctx, network, server.String())
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// seen are views as text.
func seen(views []acme.View) string {
	var list []string
	for _, v := range views {
		said := strings.Join(v.Values, ",")
		if v.Err != nil {
			said = "unknown"
		}
		list = append(list, v.Server+": "+said)
	}
	return strings.Join(list, "; ")
}

var certZone = []string{
	"example.org. 60 IN SOA ns1.example.net. h.example.org. 1 1 1 1 1", "example.org. 60 IN NS ns1.example.net.", "example.org. 60 IN NS ns2.example.net.",
	"ns1.example.net. 60 IN A 11.0.0.1", "ns2.example.net. 60 IN A 11.0.0.2", `_acme-challenge.home.example.org. 60 IN TXT "old"`,
}

func TestCertNamesFollowAliases(t *testing.T) {
	records := []string{"_acme-challenge.b.example.org. 60 IN CNAME c.example.net.", "c.example.net. 60 IN CNAME D.example.com.",
		"x.example.org. 60 IN CNAME y.example.org.", "y.example.org. 60 IN CNAME x.example.org.", "to.example.org. 60 IN CNAME broken.example.org."}
	for i := range 10 {
		records = append(records, string(rune('0'+i))+".chain. 60 IN CNAME "+string(rune('1'+i))+".chain.")
	}
	n := newCertInternet(t, append(slices.Clone(certZone), records...)...).names(t, false)
	for name, want := range map[string]string{"_acme-challenge.home.example.org": "_acme-challenge.home.example.org", "nothing.example.org": "nothing.example.org",
		"_acme-challenge.B.example.org.": "d.example.com", "2.chain": ":.chain"} {
		if got, err := n.Target(t.Context(), name); err != nil || got != want {
			t.Errorf("Target(%s) = %q, %v", name, got, err)
		}
	}
	for name, words := range map[string]string{"x.example.org": "circle: x.example.org to y.example.org to x.example.org", "0.chain": "more than 8",
		"broken.example.org": "SERVFAIL", "to.example.org": "SERVFAIL", "": "no domain name", "a..b": "no domain name"} {
		if got, err := n.Target(t.Context(), name); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("Target(%s) = %q, %v", name, got, err)
		}
	}
}

// Every server has a view of its own, and nobody's is taken for another's.
func TestCertNamesSeeEveryServer(t *testing.T) {
	i := newCertInternet(t, certZone...)
	i.servers[netip.MustParseAddr("11.0.0.1")] = serveDNS(t, answering(t, true, `_acme-challenge.home.example.org. 60 IN TXT "new"`))
	i.servers[netip.MustParseAddr("11.0.0.2")] = serveDNS(t, answering(t, true))
	for encrypted, upstream := range map[bool]string{false: "the upstream DNS server 127.0.0.1: old", true: "the upstream DNS servers: old"} {
		views, err := i.names(t, encrypted).TXT(t.Context(), "_acme-challenge.home.example.org")
		if got, want := seen(views), "ns1.example.net (11.0.0.1): new; ns2.example.net (11.0.0.2): ; "+upstream; err != nil || got != want {
			t.Errorf("TXT = %s, %v; want %s", got, err, want)
		}
	}
	delete(i.servers, netip.MustParseAddr("11.0.0.2"))
	if views, err := i.names(t, false).TXT(t.Context(), "_acme-challenge.home.example.org"); err != nil || views[1].Err == nil {
		t.Errorf("TXT = %s, %v; want one that is unknown", seen(views), err)
	}
	if views, err := i.names(t, false).TXT(t.Context(), "broken.example.org"); err == nil {
		t.Errorf("TXT of a zone that cannot be found = %s", seen(views))
	}
}

// Where somebody answers on port 53 for everybody, nothing that came that way is
// known; what came by an encrypted upstream is.
func TestCertNamesBehindAHijackedPort53(t *testing.T) {
	i := newCertInternet(t, certZone...)
	liar := serveDNS(t, func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.Authoritative = true
		_ = w.WriteMsg(m)
	})
	for _, at := range []string{"11.0.0.1", "11.0.0.2", "192.0.2.53"} {
		i.servers[netip.MustParseAddr(at)] = liar
	}
	for encrypted, upstream := range map[bool]string{false: "the upstream DNS server 127.0.0.1: unknown", true: "the upstream DNS servers: old"} {
		views, err := i.names(t, encrypted).TXT(t.Context(), "_acme-challenge.home.example.org")
		if got, want := seen(views), "ns1.example.net (11.0.0.1): unknown; ns2.example.net (11.0.0.2): unknown; "+upstream; err != nil || got != want {
			t.Errorf("TXT = %s, %v; want %s", got, err, want)
		}
		if !errors.Is(views[0].Err, authority.ErrIntercepted) {
			t.Errorf("the error is %v", views[0].Err)
		}
	}
}

func TestCertNamesAddresses(t *testing.T) {
	n := newCertInternet(t, append(slices.Clone(certZone), "home.example.org. 60 IN AAAA 2001:db8::1", "home.example.org. 60 IN A 11.22.33.44",
		"www.example.org. 60 IN CNAME home.example.org.", "home.example.org. 60 IN A 11.22.33.44")...).names(t, false)
	for name, want := range map[string]string{"home.example.org": "11.22.33.44 2001:db8::1", "www.example.org": "11.22.33.44", "none.example.org": ""} {
		got, err := n.Addresses(t.Context(), name)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("Addresses(%s) = %v, %v", name, got, err)
		}
	}
	if got, err := n.Addresses(t.Context(), "broken.example.org"); err == nil {
		t.Errorf("Addresses of what cannot be looked up = %v", got)
	}
}

// The nearest name decides (RFC 8659, section 3); what is not known is not none.
func TestCertNamesCAA(t *testing.T) {
	n := newCertInternet(t, append(slices.Clone(certZone), `example.org. 60 IN CAA 0 issue "letsencrypt.org"`, `example.org. 60 IN CAA 0 iodef "mailto:a\027b@example.org"`,
		`own.example.org. 60 IN CAA 128 issue ";"`, "alias.example.org. 60 IN CNAME far.example.com.", `far.example.com. 60 IN CAA 0 issue "other.example"`,
		`broken2.example.org. 60 IN CAA 0 issue "x"`)...).names(t, false)
	above := "issue letsencrypt.org, iodef mailto:ab@example.org"
	for name, want := range map[string]string{"home.example.org": above, "*.home.example.org": above, "example.org.": above, "x.own.example.org": "issue ;",
		"alias.example.org": "issue other.example", "home.example.net": ""} {
		got, err := n.CAA(t.Context(), name)
		if err != nil || strings.Join(got, ", ") != want {
			t.Errorf("CAA(%s) = %q, %v; want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"broken.example.org", "x.broken.example.org"} {
		if got, err := n.CAA(t.Context(), name); err == nil || !strings.Contains(err.Error(), "SERVFAIL") {
			t.Errorf("CAA(%s) = %v, %v", name, got, err)
		}
	}
}

func TestCertNamesWithoutAnyUpstream(t *testing.T) {
	if _, err := newCertNames(certNamesConfig{}); err == nil {
		t.Error("there is nobody to ask, and no error")
	}
}
