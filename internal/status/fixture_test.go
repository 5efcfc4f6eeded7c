package status_test

// Inputs with every field filled, for the tests of the whole package.

import (
	"net/netip"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert"
	"github.com/edgeguard/edgeguard/internal/cert/keys"
	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin"
	"github.com/edgeguard/edgeguard/internal/hairpin/checker"
	"github.com/edgeguard/edgeguard/internal/lan/dhcp"
	"github.com/edgeguard/edgeguard/internal/lan/handed"
	"github.com/edgeguard/edgeguard/internal/lan/radv"
	"github.com/edgeguard/edgeguard/internal/portmap"
	"github.com/edgeguard/edgeguard/internal/portmap/pinhole"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/status"
	"github.com/edgeguard/edgeguard/internal/status/history"
	"github.com/edgeguard/edgeguard/internal/wan"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 21, 12, 0, 0, 123456789, time.FixedZone("CET", 3600))

func link(v fact.Verdict, summary string) fact.Link {
	return fact.Link{Verdict: v, Summary: summary, Action: "do this about " + summary, Evidence: []string{"seen " + summary}}
}

// list lists secrets, as a config does.
func list(secrets ...secret.Value) func() []secret.Value {
	return func() []secret.Value { return secrets }
}

// noSecrets is the list of a config without any.
var noSecrets = list()

// full returns Inputs in which every field is filled; word stands in every
// piece of text that others write.
func full(word string) status.Inputs {
	public := fact.KnownAddr(netip.MustParseAddr("203.0.113.7"), "igd", noon)
	public6 := fact.KnownAddr(netip.MustParseAddr("2a02:8071::7"), "interface", noon)
	broker := netip.MustParseAddrPort("192.168.1.10:8883")
	return status.Inputs{
		Version: "1.2.3 " + word,
		Started: noon.Add(-time.Hour),
		Config:  status.ConfigStatus{File: "edgeguard.toml " + word, LoadedAt: noon, Err: "line 3 " + word},
		WAN: wan.Status{
			IPv4: public, IPv6: public6, NAT: "none", ChangedAt: noon,
			Sources: []wan.SourceStatus{
				{Name: "igd " + word, Observation: public, Err: "odd " + word},
				{Name: "https://x", Observation: fact.NoAddr("https://x", noon)},
				{Name: "https://y", Observation: fact.UnknownAddr("https://y", noon)},
			},
			LastHint: wan.Hint{Kind: "gena " + word, At: noon},
			Link:     link(fact.VerdictPass, "wan "+word),
		},
		DDNS: ddns.Status{
			Records: []ddns.RecordStatus{{
				Name: "myhome.duckdns.org", Type: "A", Provider: "duckdns",
				Desired: public, Published: public, Phase: ddns.PhaseVerified,
				VerifiedAt: noon, WrongSince: noon.Add(time.Second), Change: noon.Add(2 * time.Second), Intercepted: true,
				LastError: "refused " + word, NextAttemptAt: noon.Add(time.Minute),
			}},
			Link: link(fact.VerdictPass, "ddns "+word),
		},
		Router: router.Status{
			Found: true, Address: netip.MustParseAddr("192.168.1.1"), Local: netip.MustParseAddr("172.17.0.2"),
			Manufacturer: "AVM " + word, Model: "7590", UDN: "uuid:1 " + word, Generation: 1, FoundAt: noon, Bridged: true,
			Others: []router.Other{{Address: netip.MustParseAddr("192.168.1.254"), Server: "MiniUPnPd " + word}},
			Events: router.EventSources{GENA: router.EventSource{On: true}, Announcements: router.EventSource{Why: "in use " + word}},
		},
		Portmap: portmap.Status{
			Forwards: []portmap.ForwardStatus{{
				Service: "mqtt", Protocol: fact.TCP, ExternalPort: 8883, Internal: broker, Method: "igd",
				State: portmap.StateConflict, LeaseExpiresAt: noon.Add(time.Hour),
				ReadBackAt: noon.Add(-time.Minute), Woken: "found anew " + word, Down: 2500 * time.Millisecond,
				Relay: &portmap.RelayStatus{
					Listen: netip.MustParseAddrPort("192.168.1.2:8883"), Target: broker,
					Open: 3, Total: 20, Refused: 1, Failed: 2, BytesIn: 1000, BytesOut: 2000, LastError: "no route " + word,
				},
				Router: "AVM " + word, Conflict: "held by " + word, LastError: "718 " + word,
				Action: "remove it " + word, Note: "by hand " + word,
				Warning: "another port " + word, Steps: []string{"Open the page " + word, "Save it."},
			}},
			Link: link(fact.VerdictFail, "forward "+word),
		},
		Pinholes: pinhole.Status{Pinholes: []pinhole.PinholeStatus{{
			Service: "mqtt", Protocol: fact.TCP, Port: 8883, Internal: netip.MustParseAddrPort("[2001:db8::10]:8883"), Method: "igd",
			State: pinhole.StateUnconfirmed, LeaseExpiresAt: noon.Add(time.Hour), Router: "AVM " + word,
			LastError: "606 " + word, Action: "allow it " + word, Note: "traffic " + word,
		}}},
		Hairpin: hairpin.Status{
			Services: []hairpin.ServiceStatus{{
				Name: "mqtt", Address: broker, Reachable: fact.VerdictPass, MQTT: "accepted " + word, MQTT5: "not authorised " + word,
				TLS: &hairpin.TLSStatus{Version: "TLS 1.3 " + word, Cipher: "TLS_AES_128_GCM_SHA256 " + word, OldDevices: fact.VerdictFail, OldDevicesWhy: "its key " + word},
				Certificate: &hairpin.Certificate{
					SubjectCN: "cn " + word, Names: []string{"myhome.duckdns.org", "x " + word}, Issuer: "R3 " + word,
					NotBefore: noon.AddDate(0, -1, 0), NotAfter: noon.AddDate(0, 3, 0), Trusted: true, Why: "because " + word, SPKISHA256: "abcd",
					Key: "RSA 2048 " + word, Complete: fact.VerdictPass, Root: "ISRG Root X1 " + word, TasmotaFingerprint: "AB CD " + word,
					File: &hairpin.CertificateFile{Path: "/etc/ssl/broker.pem " + word, NotAfter: noon.AddDate(0, 5, 0), Served: fact.VerdictFail, LastError: "denied " + word},
				},
				LastError: "reset " + word,
			}},
			Loopback: hairpin.LoopbackYes, Evidence: []string{"same key " + word}, SourceSeen: netip.MustParseAddr("192.168.1.1"),
			Broker: link(fact.VerdictPass, "broker "+word), Certificate: link(fact.VerdictWarn, "certificate "+word), Hairpin: link(fact.VerdictPass, "hairpin "+word),
		},
		Certificate: cert.Status{
			Mode: cert.OwnCA, Phase: cert.PhaseHanding, Names: []string{"myhome.duckdns.org", "names " + word},
			Held: &cert.Held{
				Names: []string{"myhome.duckdns.org", "held " + word}, Issuer: "Home CA " + word, Serial: "0a1b " + word,
				NotBefore: noon.AddDate(0, -1, 0), NotAfter: noon.AddDate(0, 12, 0), Key: keys.RSA2048,
				SHA256: [32]byte{1, 2}, SPKI: [32]byte{3, 4}, TasmotaFingerprint: "EF 01 " + word,
			},
			NextRenewalAt: noon.AddDate(0, 8, 0), RenewalReason: "two thirds " + word,
			LastError: "no space " + word, NextAttemptAt: noon.Add(time.Hour),
			Directory: "/state/broker " + word, WrittenAt: noon.Add(-time.Minute), ReloadedAt: noon.Add(-30 * time.Second),
			Serving: []cert.Serving{{Service: "mqtt " + word, State: cert.ServingNo, At: noon}, {Service: "web", State: cert.ServingYes, At: noon}, {Service: "new"}},
			Link:    link(fact.VerdictPass, "kept "+word),
		},
		Outside: checker.Status{Host: "checker.example " + word, Checks: []checker.Check{{
			Port: checker.Port{Service: "mqtt", External: 8883}, Address: public.Addr, Verdict: checker.Open, Detail: "status 503 " + word, CheckedAt: noon,
		}}},
		DNS: dnsserver.Status{
			Listen:    []netip.AddrPort{netip.MustParseAddrPort("192.168.1.10:53")},
			TLSListen: []netip.AddrPort{netip.MustParseAddrPort("192.168.1.10:853")},
			Waiting:   []dnsserver.WaitingAddress{{Address: netip.MustParseAddrPort("[fd00::2]:53"), TLS: true, Absent: true, Reason: "not there " + word}},
			Overrides: []zone.Override{{Name: "myhome.duckdns.org", V4: []netip.Addr{broker.Addr()}, V6: []netip.Addr{netip.MustParseAddr("fd00::10")}, Reason: "configured " + word}},
			Upstreams: []dnsserver.UpstreamStatus{
				{Address: netip.MustParseAddrPort("9.9.9.9:53"), Healthy: fact.VerdictFail, RTT: 25 * time.Millisecond, Queries: 10, Failures: 2, LastError: "timeout " + word, Name: "9.9.9.9", Protocol: "udp"},
				{Name: "https://dns.example/" + word, Protocol: "https", PlainFallback: true},
			},
			Cache:   dnsserver.CacheStatus{Entries: 1, Bytes: 100, LimitBytes: 8 << 20, Hits: 3, Misses: 4, StaleEntries: 1, Prefetches: 2, StaleAnswers: 1, Loaded: 1},
			Queries: dnsserver.QueryCounts{Total: 9, Override: 1, Cached: 3, Forwarded: 4, Refused: 1, Malformed: 1, Failed: 1, Dropped: 1, Stale: 1, Rebind: 1, Limited: 1},
			Public:  []dnsserver.PublicView{{Name: "myhome.duckdns.org", SignedBy: "example.org " + word}},
			Clients: []dnsserver.ClientSeen{{Address: netip.MustParseAddr("192.168.1.20"), LastAt: noon, Queries: 5}}, ClientsTotal: 1,
			DNS: link(fact.VerdictPass, "dns "+word), ClientsLink: link(fact.VerdictUnknown, "clients "+word),
			Private: []dnsserver.PrivateClient{{Address: netip.MustParseAddr("192.168.1.21"), Server: "dns.google", At: noon}},
		},
		Handed: handed.Status{
			Local: broker.Addr(), Router: netip.MustParseAddr("192.168.1.1"), Own: []netip.Addr{broker.Addr(), netip.MustParseAddr("fd00::1")},
			DHCP: []dhcp.Server{{
				Address: netip.MustParseAddr("192.168.1.1"), DNS: []netip.Addr{broker.Addr()}, Domain: "fritz.box " + word, Gateway: netip.MustParseAddr("192.168.1.1"),
			}},
			DHCPError: "down " + word, RoutersError: "deaf " + word,
			Routers:       []radv.Advertisement{{Router: netip.MustParseAddr("fe80::1"), DNS: []netip.Addr{netip.MustParseAddr("fd00::1")}, Other: true}},
			ThroughRouter: []netip.Addr{netip.MustParseAddr("192.168.1.1")}, CheckedAt: noon,
		},
		History: history.View{
			WAN:   []history.Address{{At: noon, Family: history.IPv6}, {At: noon.Add(-time.Hour), Family: history.IPv4, Addr: public.Addr}},
			Links: []history.Change{{At: noon, ID: "wan", Verdict: fact.VerdictPass, Summary: "wan " + word}},
			DNS:   &history.Series{End: noon, Queries: []uint64{3, 9}, Hits: []uint64{1, 4}, UpstreamSeconds: []float64{0, 0.025}},
		},
	}
}
