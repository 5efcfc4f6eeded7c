package main

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/locate"
	"github.com/miekg/dns"
)

func TestNamesOfRemoteServicesAreNeverAnswered(t *testing.T) {
	var list []zone.Override
	for _, name := range []string{"mqtt.example.com", "cloud.example.com", "*.example.com", "*.example.org"} {
		list = append(list, zone.Override{Name: name})
	}
	var got []string
	for _, o := range withoutRemote(list, []string{"cloud.example.com"}) {
		got = append(got, o.Name)
	}
	if !slices.Equal(got, []string{"mqtt.example.com", "*.example.org"}) {
		t.Errorf("answered are %q", got)
	}
}

func TestUnfitAddresses(t *testing.T) {
	d := &daemon{moves: newMoves()}
	home, remote := locate.Service{Name: "mqtt", Host: "broker.lan"}, locate.Service{Name: "cloud", Host: "b.example.com", Remote: true}
	for addr, want := range map[string][2]bool{ // fit at home, fit elsewhere
		"10.99.98.97": {true, true}, "203.0.113.1": {false, true}, "2001:db8::1": {false, true},
		"127.0.0.1": {false, false}, "0.0.0.0": {false, false}, "224.0.0.251": {false, false}, "255.255.255.255": {false, false},
	} {
		a := netip.MustParseAddr(addr)
		if got := [2]bool{d.unfit(home, a) == "", d.unfit(remote, a) == ""}; got != want {
			t.Errorf("%s: %v, want %v", addr, got, want)
		}
	}
	if d.unfit(home, netip.Addr{}) == "" {
		t.Error("no address at all is fit")
	}
}

func TestAddressesFromAnAnswer(t *testing.T) {
	header := func(rrtype uint16, ttl uint32) dns.RR_Header {
		return dns.RR_Header{Name: "broker.lan.", Rrtype: rrtype, Class: dns.ClassINET, Ttl: ttl}
	}
	ask := func(_ context.Context, q *dns.Msg) (*dns.Msg, error) {
		m := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype == dns.TypeAAAA {
			m.Answer = []dns.RR{&dns.AAAA{Hdr: header(dns.TypeAAAA, 30), AAAA: net.ParseIP("2001:db8::1")}}
			return m, nil
		}
		m.Answer = []dns.RR{&dns.CNAME{Hdr: header(dns.TypeCNAME, 5), Target: "x."}}
		if q.Question[0].Name != "six.lan." {
			m.Answer = append(m.Answer, &dns.A{Hdr: header(dns.TypeA, 60), A: net.IPv4(192, 168, 1, 10)})
		}
		return m, nil
	}
	for _, c := range []struct {
		host   string
		remote bool
		want   string
		ttl    time.Duration
	}{
		{"broker.lan", false, "192.168.1.10", 5 * time.Second}, {"broker.lan", true, "192.168.1.10", 5 * time.Second},
		{"six.lan", true, "2001:db8::1", 30 * time.Second}, {"six.lan", false, "", 5 * time.Second},
	} {
		got, err := addressesFrom(t.Context(), ask, c.host, c.remote)
		text := ""
		if len(got.Addrs) == 1 {
			text = got.Addrs[0].String()
		}
		if err != nil || text != c.want || got.TTL != c.ttl {
			t.Errorf("%+v: %+v, %v", c, got, err)
		}
	}
}

func TestTheBrokerLinkTellsOfAStranger(t *testing.T) {
	down := fact.Link{Verdict: fact.VerdictFail, Summary: "down"}
	of := locate.Located{Service: locate.Service{Name: "mqtt"}, Addr: netip.MustParseAddr("192.168.1.10"), Problem: "somebody else is there", Stranger: true}
	if got := withProblem(down, of); !strings.Contains(got.Summary, "somebody else is there") || got.Action == "" || got.Verdict != fact.VerdictFail {
		t.Errorf("%+v", got)
	}
	up := fact.Link{Verdict: fact.VerdictPass, Summary: "up"}
	if got := withProblem(up, of); got.Summary != "up" || len(got.Evidence) != 1 {
		t.Errorf("%+v", got)
	}
	of.Problem = ""
	if got := withProblem(down, of); got.Summary != "down" || got.Evidence != nil {
		t.Errorf("%+v", got)
	}
}
