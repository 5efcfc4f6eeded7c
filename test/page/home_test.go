package page

// A home to be shown: a real status server, and the snapshots that it serves.

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/status"
)

// home is a status server on loopback.
type home struct {
	t      *testing.T
	listen netip.AddrPort
	name   string // by which the browser asks for it; empty means its address
	shown  atomic.Pointer[status.Snapshot]
	stop   func()

	authorities []status.Authority // those below /ca/
	crl         []byte
}

// serve starts a home that shows s until the test ends.
func serve(t *testing.T, s *status.Snapshot) *home {
	t.Helper()
	h := &home{t: t, listen: netip.MustParseAddrPort("127.0.0.1:0"), stop: func() {}}
	h.shown.Store(s)
	h.start()
	t.Cleanup(func() { h.stop() })
	return h
}

// start listens, after a stop at the same port again.
func (h *home) start() {
	h.t.Helper()
	server := status.NewServer(status.ServerConfig{
		Listen: h.listen, Snapshot: h.shown.Load, Names: func() []string { return []string{homeName} },
		Authorities: func() []status.Authority { return h.authorities }, CRL: func() []byte { return h.crl },
	})
	if err := server.Listen(); err != nil {
		h.t.Fatal(err)
	}
	h.listen = server.Addr()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	h.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Errorf("Run = %v", err)
		}
		h.stop = func() {}
	}
}

func (h *home) url() string {
	if h.name != "" {
		return fmt.Sprintf("http://%s:%d", h.name, h.listen.Port())
	}
	return "http://" + h.listen.String()
}

// homeName is a name of the home, which browsers lead to loopback by themselves
// (RFC 6761, section 6.3) and trust as they trust an address there.
const homeName = "myhome.localhost"

// now is when everything is seen: soon before the test, so that times are told
// in minutes and days.
var now = time.Now().UTC().Truncate(time.Second)

func at(before time.Duration) *time.Time { return new(now.Add(-before)) }

// said is what each link says in the home that works.
var said = map[string]string{
	"wan":         "203.0.113.7 is this home's public address: the router and two services outside say the same.",
	"ddns":        "myhome.example.org leads to 203.0.113.7, as asked at its own name servers.",
	"forward":     "TCP 8883 is forwarded to 192.168.1.10:8883, read back from the router.",
	"broker":      "mqtt answers at 192.168.1.10:8883 in TLS and MQTT.",
	"certificate": "The certificate is for myhome.example.org, trusted, and valid until 2027-01-24.",
	"hairpin":     "The router leads its public address back into the house.",
	"dns":         "myhome.example.org is answered with 192.168.1.10 in the house; everything else is asked upstream.",
	"clients":     "7 devices asked here today, and DHCP hands out this DNS server.",
}

// whole is a home in which everything works, with something in every section.
func whole() *status.Snapshot {
	broker := netip.MustParseAddrPort("192.168.1.10:8883")
	public, own := netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("192.168.1.2")
	s := &status.Snapshot{Version: "1.0.0", StartedAt: at(50 * time.Hour), GeneratedAt: now}
	for i, id := range status.LinkIDs() {
		s.Chain = append(s.Chain, status.Link{ID: id, Summary: said[id], Since: *at(time.Duration(30+i) * time.Hour), Evidence: []string{"seen by the router", "seen from outside"}})
		s.Chain[i].Status = fact.VerdictPass
	}
	s.Status = fact.VerdictPass
	s.WAN = status.WAN{IPv4: &public, IPv4State: "known", IPv6State: "none", NAT: new("none"), ChangedAt: at(30 * time.Hour),
		Sources: []status.Source{{Name: "igd", State: "known", Address: &public, ObservedAt: at(time.Minute)}}}
	s.DDNS = []status.Record{{Name: "myhome.example.org", Type: "A", Provider: "desec", Desired: &public, DesiredState: "known", Published: &public, PublishedState: "known", Phase: new("verified"), VerifiedAt: at(20 * time.Minute)}}
	s.Forwards = []status.Forward{{Service: "mqtt", Family: new("ipv4"), Protocol: "TCP", ExternalPort: 8883, Internal: &broker, Method: new("igd"), State: new("active"), LeaseExpiresAt: at(-40 * time.Minute), ReadBackAt: at(30 * time.Second)}}
	s.Services = []status.Service{{Name: "mqtt", Address: &broker, Reachable: new(true), MQTT: new("accepted"), MQTT5: new("accepted"),
		TLS: &status.TLS{Version: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256", OldDevices: new(true)},
		Certificate: &status.Certificate{SubjectCN: new("myhome.example.org"), Names: []string{"myhome.example.org"}, Issuer: new("R12"), NotBefore: at(27 * 24 * time.Hour), NotAfter: at(-63*24*time.Hour - time.Hour),
			Key: new("RSA 2048"), Trusted: true, Complete: new(true), Root: new("ISRG Root X1"), SPKISHA256: new(strings.Repeat("5a", 32)), TasmotaFingerprint: new(strings.TrimSpace(strings.Repeat("A1 ", 20))),
			File: &status.CertificateFile{Path: "/certs/myhome.pem", NotAfter: at(-63*24*time.Hour - time.Hour), Served: new(true)}},
	}}
	s.Certificate = &status.Kept{Mode: "acme", Phase: new("kept"), Names: []string{"myhome.example.org"}, NextRenewalAt: at(-33 * 24 * time.Hour), RenewalReason: new("the authority asks for it then"),
		Held: &status.Held{Names: []string{"myhome.example.org"}, Issuer: new("R12"), Serial: new("04a1b2c3"), NotBefore: at(27 * 24 * time.Hour), NotAfter: at(-63*24*time.Hour - time.Hour),
			Key: new("rsa-2048"), SHA256: new(strings.Repeat("3c", 32)), SPKISHA256: new(strings.Repeat("5a", 32))},
		Directory: new("/state/broker"), WrittenAt: at(27 * 24 * time.Hour), ReloadedAt: at(27 * 24 * time.Hour), Serving: []status.Serving{{Service: "mqtt", State: "yes", At: at(time.Hour)}}}
	s.Hairpin = status.Hairpin{Verdict: "yes", SourceSeen: new(netip.MustParseAddr("192.168.1.1"))}
	s.Outside = []status.OutsideCheck{{Service: "mqtt", Verdict: "open", CheckedAt: at(3 * time.Hour)}}
	s.DNS = dns(own, broker.Addr())
	s.LAN = &status.LAN{DHCP: []status.DHCPServer{{Address: netip.MustParseAddr("192.168.1.1"), DNS: []netip.Addr{own}, Ours: true, Domain: new("home.arpa")}},
		Advertisements: []status.Advertisement{{Router: netip.MustParseAddr("fe80::1"), Ours: true}}, ThroughRouter: []netip.Addr{}, PrivateDNS: []status.PrivateDNS{{Address: netip.MustParseAddr("192.168.1.33"), Server: "dns.google", At: at(time.Hour)}}, CheckedAt: at(time.Hour)}
	s.History = history(public)
	return s
}

func dns(own, broker netip.Addr) status.DNS {
	return status.DNS{
		Listen: []netip.AddrPort{netip.AddrPortFrom(own, 53)}, Waiting: []status.Waiting{},
		Overrides:   []status.Override{{Name: "myhome.example.org", IPv4: []netip.Addr{broker}, IPv6: []netip.Addr{}, Reason: new("on the certificate of mqtt")}},
		Upstreams:   []status.Upstream{{Name: "tls://dns.quad9.net", Protocol: "tls", Healthy: new(true), RTTSeconds: new(0.0132), Queries: 4211, Failures: 3}},
		Cache:       &status.Cache{Entries: 1834, Bytes: 402_113, LimitBytes: 8 << 20, Hits: 10233, Misses: 4211},
		Queries:     &status.Queries{Total: 14912, Override: 468, Cached: 10233, Forwarded: 4211},
		ClientsSeen: []status.Client{{Address: new(netip.MustParseAddr("192.168.1.20")), LastAt: at(time.Minute), Queries: 311}}, ClientsTotal: new(7),
	}
}

// history is a week with some trouble in it, and a day of questions.
func history(public netip.Addr) *status.History {
	h := &status.History{
		WAN:   []status.AddressChange{{At: *at(30 * time.Hour), Family: "ipv4", Address: &public}, {At: *at(100 * time.Hour), Family: "ipv4", Address: new(netip.MustParseAddr("203.0.113.99"))}},
		Links: []status.LinkChange{{At: *at(32 * time.Hour), ID: "forward", Status: fact.VerdictPass, Summary: "TCP 8883 is forwarded."}, {At: *at(50 * time.Hour), ID: "forward", Status: fact.VerdictFail, Summary: "The router lost the forward."}, {At: *at(90 * time.Hour), ID: "forward", Status: fact.VerdictPass, Summary: "TCP 8883 is forwarded."}},
		DNS:   &status.Series{End: now.Truncate(5 * time.Minute), StepSeconds: 300},
	}
	for i := range 288 {
		queries := uint64(20 + (i*37)%61 + i/4)
		h.DNS.Queries = append(h.DNS.Queries, queries)
		h.DNS.Hits = append(h.DNS.Hits, queries*uint64(60+i%30)/100)
		h.DNS.UpstreamSeconds = append(h.DNS.UpstreamSeconds, 0.011+float64(i%17)/2000)
	}
	return h
}

// broken is a home in which link i has verdict v.
func broken(i int, v fact.Verdict) *status.Snapshot {
	s := whole()
	s.Chain[i].Status, s.Chain[i].Since = v, *at(10 * time.Minute)
	s.Chain[i].Summary = "This link was broken by the test, so that phones do not get in."
	s.Chain[i].Action = new("Mend " + s.Chain[i].ID + ".")
	s.Status = v
	return s
}

// expiring is a home whose certificate is soon out of date.
func expiring() *status.Snapshot {
	s := whole()
	until := now.Add(9*24*time.Hour + time.Hour)
	s.Status, s.Chain[4].Status, s.Chain[4].Since = fact.VerdictWarn, fact.VerdictWarn, *at(26 * time.Hour)
	s.Chain[4].Summary = "The certificate for myhome.example.org expires on " + until.Format(time.DateOnly) + "."
	s.Chain[4].Action = new("Renew the certificate and reload the broker.")
	s.Services[0].Certificate.NotAfter, s.Services[0].Certificate.File = &until, nil
	s.History.Links = append([]status.LinkChange{{At: *at(26 * time.Hour), ID: "certificate", Status: fact.VerdictWarn, Summary: s.Chain[4].Summary}}, s.History.Links...)
	return s
}

// starting is a home of which nothing is known yet.
func starting() *status.Snapshot {
	s := &status.Snapshot{Version: "1.0.0", GeneratedAt: now, Status: fact.VerdictUnknown, WAN: status.WAN{IPv4State: "unknown", IPv6State: "unknown"}, Hairpin: status.Hairpin{Verdict: "unknown"}}
	for _, id := range status.LinkIDs() {
		s.Chain = append(s.Chain, status.Link{ID: id, Summary: "Nothing is known of this link yet.", Since: now})
	}
	return s
}

// crowded is a home with a great deal of everything.
func crowded() *status.Snapshot {
	s := whole()
	long := strings.Repeat("word", 100)
	for i := range 3000 {
		a := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		s.DNS.ClientsSeen = append(s.DNS.ClientsSeen, status.Client{Address: &a, Queries: 1 << 62})
		s.DNS.Overrides = append(s.DNS.Overrides, status.Override{Name: fmt.Sprintf("%d.%s", i, long), IPv4: []netip.Addr{a}, Reason: &long})
		s.Chain[0].Evidence = append(s.Chain[0].Evidence, long)
		s.History.Links = append(s.History.Links, status.LinkChange{At: *at(time.Duration(60+i) * time.Hour), ID: "wan", Status: fact.Verdict(i % 4), Summary: long})
		s.Services[0].Certificate.Names = append(s.Services[0].Certificate.Names, fmt.Sprint(i, long))
	}
	return s
}
