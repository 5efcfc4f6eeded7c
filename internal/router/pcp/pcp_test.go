package pcp_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router/pcp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	local  = netip.MustParseAddr("192.168.1.10")
	public = netip.MustParseAddr("11.22.33.44")
)

func natpmp(code uint16, epoch uint32, addr netip.Addr) []byte {
	p := []byte{0, 128}
	p = binary.BigEndian.AppendUint16(p, code)
	p = binary.BigEndian.AppendUint32(p, epoch)
	return append(p, addr.AsSlice()...)
}

func TestParseNATPMP(t *testing.T) {
	if got, err := pcp.ParseNATPMP(natpmp(0, 77, public)); err != nil || got != (pcp.Address{Addr: public, Epoch: 77}) {
		t.Errorf("got %+v, %v", got, err)
	}
	for code, words := range map[uint16]string{1: "version", 2: "not authorised", 3: "network failure", 9: "not known"} {
		refused := (*pcp.Refusal)(nil)
		_, err := pcp.ParseNATPMP(natpmp(code, 0, netip.IPv4Unspecified()))
		if !errors.As(err, &refused) || refused.Code != code || refused.IsVersion() != (code == 1) || !strings.Contains(err.Error(), words) {
			t.Errorf("code %d: %v", code, err)
		}
	}
	if _, err := pcp.ParseNATPMP(answerTo(nil, 1, 0)); err == nil || !strings.Contains(err.Error(), "but PCP") {
		t.Errorf("a router that speaks PCP: %v", err)
	}
	good := natpmp(0, 1, public)
	for name, packet := range map[string][]byte{
		"nothing": nil, "the request": pcp.NATPMPRequest, "too short": good[:11], "too long": append(good[:12:12], 0),
		"another opcode": {0, 129, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, "another version": {1, 128, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4},
	} {
		if got, err := pcp.ParseNATPMP(packet); !errors.Is(err, pcp.ErrStray) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// answerTo is a PCP answer to a MAP request, or to nothing.
func answerTo(request []byte, code byte, epoch uint32) []byte {
	p := make([]byte, 60)
	copy(p, request)
	p[0], p[1], p[3] = 2, 0x81, code
	binary.BigEndian.PutUint32(p[8:], epoch)
	clear(p[12:24])
	addr := public.As16()
	copy(p[44:], addr[:])
	return p
}

func udp40000() pcp.Map {
	return pcp.Map{Nonce: pcp.NewNonce(), Client: local, Protocol: fact.UDP, Internal: 40000}
}

func TestMapRequest(t *testing.T) {
	m := udp40000()
	p := m.Request(time.Minute)
	if len(p) != 60 || p[0] != 2 || p[1] != 1 || binary.BigEndian.Uint32(p[4:]) != 60 || p[36] != 17 || binary.BigEndian.Uint16(p[40:]) != 40000 {
		t.Errorf("request % x", p)
	}
	if client := netip.AddrFrom16([16]byte(p[8:24])); client.Unmap() != local || !client.Is4In6() {
		t.Errorf("client address %s", client)
	}
	if other := udp40000().Request(time.Minute); string(other[24:36]) == string(p[24:36]) {
		t.Error("the same nonce twice")
	}
	bye := m.Request(0)
	if binary.BigEndian.Uint32(bye[4:]) != 0 || string(bye[24:36]) != string(p[24:36]) {
		t.Errorf("deletion % x", bye)
	}
}

func TestMapParse(t *testing.T) {
	m := udp40000()
	request := m.Request(time.Minute)
	if got, err := m.Parse(answerTo(request, 0, 9)); err != nil || got != (fact.Grant{External: netip.AddrPortFrom(public, 0), Lease: time.Minute, Epoch: 9}) {
		t.Errorf("got %+v, %v", got, err)
	}
	none := answerTo(request, 0, 9)
	clear(none[44:])
	if got, err := m.Parse(none); err != nil || got.External.Addr() != netip.IPv4Unspecified() {
		t.Errorf("no address: %+v, %v", got, err)
	}
	for code, words := range map[byte]string{2: "not authorised", 7: "network failure", 12: "another NAT", 99: "not known"} {
		refused := (*pcp.Refusal)(nil)
		if _, err := m.Parse(answerTo(request, code, 0)); !errors.As(err, &refused) || refused.Code != uint16(code) || !strings.Contains(err.Error(), words) {
			t.Errorf("code %d: %v", code, err)
		}
		if _, err := m.Parse(answerTo(request, code, 0)[:24]); !errors.As(err, &refused) {
			t.Errorf("code %d without the request: %v", code, err)
		}
	}
	refused := (*pcp.Refusal)(nil)
	if _, err := m.Parse([]byte{0, 129, 0, 1, 0, 0, 0, 0}); !errors.As(err, &refused) || !refused.IsVersion() || !strings.Contains(err.Error(), "but NAT-PMP") {
		t.Errorf("a router that speaks NAT-PMP only: %v", err)
	}
	change := func(at int, to byte) []byte {
		p := answerTo(request, 0, 0)
		p[at] = to
		return p
	}
	for name, packet := range map[string][]byte{
		"nothing": nil, "the request": request, "a short one": answerTo(request, 0, 0)[:56], "odd octets": answerTo(request, 0, 0)[:59],
		"a huge one": append(answerTo(request, 0, 0), make([]byte, 1044)...), "another nonce": change(24, request[24]+1),
		"another protocol": change(36, 6), "another port": change(41, 1), "an IPv6 address": change(44, 0x20),
		"another opcode": change(1, 0x82), "another's refusal": answerTo(udp40000().Request(0), 2, 0),
	} {
		if got, err := m.Parse(packet); !errors.Is(err, pcp.ErrStray) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestParseAnnouncement(t *testing.T) {
	pcpAnnounce := make([]byte, 24)
	copy(pcpAnnounce, []byte{2, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0})
	if got, err := pcp.ParseAnnouncement(pcpAnnounce); err != nil || got != (pcp.Announcement{PCP: true, Epoch: 256}) {
		t.Errorf("PCP: %+v, %v", got, err)
	}
	if got, err := pcp.ParseAnnouncement(natpmp(0, 5, public)); err != nil || got != (pcp.Announcement{Epoch: 5}) {
		t.Errorf("NAT-PMP: %+v, %v", got, err)
	}
	for name, packet := range map[string][]byte{
		"nothing": nil, "a request": pcp.NATPMPRequest, "a failure": natpmp(3, 5, public), "a PCP request": {2, 0, 0, 0},
		"a short one": pcpAnnounce[:20], "a MAP answer": answerTo(nil, 0, 0), "a long NAT-PMP one": append(natpmp(0, 5, public), 0),
	} {
		if got, err := pcp.ParseAnnouncement(packet); !errors.Is(err, pcp.ErrStray) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestEpoch(t *testing.T) {
	start := time.Now()
	for name, c := range map[string]struct {
		first, second uint32
		passed        time.Duration
		natpmp, pcp   bool
	}{
		"it goes on":             {100, 160, time.Minute, false, false},
		"the same":               {100, 100, 0, false, false},
		"a slow clock":           {100, 100 + 53, time.Minute, false, true},
		"one second back":        {100, 99, 0, false, false},
		"two seconds back":       {100, 98, 0, false, true},
		"started anew":           {100, 1, time.Second, true, true},
		"started anew long ago":  {100, 1000, time.Hour, true, true},
		"a clock that leapt":     {100, 5000, time.Minute, false, true},
		"as we do, for an hour":  {0, 3600, time.Hour, false, false},
		"beyond the last second": {1<<32 - 1, 0, time.Second, true, true},
	} {
		var a, b pcp.Epoch
		if a.NATPMP(c.first, start) || b.PCP(c.first, start) {
			t.Errorf("%s: the first is taken for a restart", name)
		}
		if got := a.NATPMP(c.second, start.Add(c.passed)); got != c.natpmp {
			t.Errorf("%s: NAT-PMP says %t", name, got)
		}
		if got := b.PCP(c.second, start.Add(c.passed)); got != c.pcp {
			t.Errorf("%s: PCP says %t", name, got)
		}
	}
}

// server answers what comes to a port on loopback.
func server(t *testing.T, answer func(n int, request []byte) [][]byte) net.Conn {
	t.Helper()
	s, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 2000)
		for n := 0; ; n++ {
			size, from, err := s.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			for _, p := range answer(n, buffer[:size]) {
				_, _ = s.WriteToUDPAddrPort(p, from)
			}
		}
	}()
	conn, err := net.DialUDP("udp4", nil, s.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); s.Close(); <-done })
	return conn
}

func TestAskSendsAgainAndPassesOverStrays(t *testing.T) {
	conn := server(t, func(n int, _ []byte) [][]byte {
		if n == 0 {
			return [][]byte{{1, 2, 3}}
		}
		return [][]byte{nil, []byte("no answer"), natpmp(0, 1, public)}
	})
	if got, err := pcp.Ask(t.Context(), conn, pcp.NATPMPRequest, 3, pcp.ParseNATPMP); err != nil || got.Addr != public {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAskEnds(t *testing.T) {
	silent := server(t, func(int, []byte) [][]byte { return nil })
	if _, err := pcp.Ask(t.Context(), silent, pcp.NATPMPRequest, 1, pcp.ParseNATPMP); !errors.Is(err, pcp.ErrSilent) {
		t.Errorf("a silent router: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	asked := server(t, func(int, []byte) [][]byte { cancel(why); return nil })
	if _, err := pcp.Ask(ctx, asked, pcp.NATPMPRequest, 1000, pcp.ParseNATPMP); !errors.Is(err, why) {
		t.Errorf("a caller who gave up: %v", err)
	}
	flood := server(t, func(int, []byte) [][]byte {
		many := make([][]byte, 100)
		for i := range many {
			many[i] = []byte{9}
		}
		return many
	})
	if _, err := pcp.Ask(t.Context(), flood, pcp.NATPMPRequest, 1, pcp.ParseNATPMP); !errors.Is(err, pcp.ErrSilent) {
		t.Errorf("a flood: %v", err)
	}
	closed, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2), Port: freePort(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer closed.Close()
	if _, err := pcp.Ask(t.Context(), closed, pcp.NATPMPRequest, 2, pcp.ParseNATPMP); !errors.Is(err, pcp.ErrSilent) {
		t.Errorf("a closed port: %v", err)
	}
}

// freePort is a port on which nothing listened a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	s, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return s.LocalAddr().(*net.UDPAddr).Port
}

func FuzzParseNATPMP(f *testing.F) {
	f.Add(natpmp(0, 1, public))
	f.Add(natpmp(3, 1, public))
	f.Add([]byte{2, 128, 0, 1})
	f.Fuzz(func(t *testing.T, packet []byte) {
		got, err := pcp.ParseNATPMP(packet)
		if err == nil && (!got.Addr.Is4() || len(packet) != 12) {
			t.Fatalf("took % x for %v", packet, got)
		}
	})
}

func FuzzParseMap(f *testing.F) {
	m := udp40000()
	request := m.Request(0)
	nonce := request[24:36]
	f.Add(answerTo(request, 0, 1), true)
	f.Add(answerTo(request, 2, 1)[:24], false)
	f.Add([]byte{0, 129, 0, 1}, false)
	f.Fuzz(func(t *testing.T, packet []byte, ours bool) {
		if ours && len(packet) >= 36 {
			copy(packet[24:], nonce) // which the fuzzer cannot guess
		}
		got, err := m.Parse(packet)
		if err != nil {
			return
		}
		if !got.External.Addr().Is4() || len(packet) < 60 || string(packet[24:36]) != string(nonce) {
			t.Fatalf("took % x for %v", packet, got)
		}
	})
}

func FuzzParseAnnouncement(f *testing.F) {
	f.Add(natpmp(0, 1, public))
	f.Add(append([]byte{2, 0x80}, make([]byte, 22)...))
	f.Fuzz(func(t *testing.T, packet []byte) {
		if got, err := pcp.ParseAnnouncement(packet); err == nil && got.PCP != (packet[0] == 2) {
			t.Fatalf("took % x for %v", packet, got)
		}
	})
}
