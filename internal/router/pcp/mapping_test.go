package pcp_test

// Mappings, octet by octet, as the RFCs draw them; and refusals in words.

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router/pcp"
)

var (
	nonce  = [12]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	global = netip.MustParseAddr("2a0e:77:1::10")
)

// octets reads hex words; spaces and line ends are for the eye.
func octets(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// tcp8883 is a mapping for the client, with another port wanted outside.
func tcp8883(client netip.Addr) pcp.Map {
	return pcp.Map{Nonce: nonce, Client: client, Protocol: fact.TCP, Internal: 8883, External: 18883}
}

// RFC 6887, figures 2 and 9.
func TestMapRequestOctets(t *testing.T) {
	for name, c := range map[string]struct {
		m        pcp.Map
		lifetime time.Duration
		want     string
	}{
		"TCP over IPv4": {tcp8883(local), time.Hour, `02 01 0000 00000e10
			00000000 00000000 0000ffff c0a8010a
			01020304 05060708 090a0b0c
			06 000000 22b3 49c3
			00000000 00000000 0000ffff 00000000`},
		"UDP over IPv4, any port": {pcp.Map{Nonce: nonce, Client: local, Protocol: fact.UDP, Internal: 40000}, time.Minute, `02 01 0000 0000003c
			00000000 00000000 0000ffff c0a8010a
			01020304 05060708 090a0b0c
			11 000000 9c40 0000
			00000000 00000000 0000ffff 00000000`},
		"TCP over IPv6": {tcp8883(global), 2 * time.Hour, `02 01 0000 00001c20
			2a0e0077 00010000 00000000 00000010
			01020304 05060708 090a0b0c
			06 000000 22b3 49c3
			00000000 00000000 00000000 00000000`},
		"deletion": {tcp8883(local), 0, `02 01 0000 00000000
			00000000 00000000 0000ffff c0a8010a
			01020304 05060708 090a0b0c
			06 000000 22b3 49c3
			00000000 00000000 0000ffff 00000000`},
	} {
		if got, want := c.m.Request(c.lifetime), octets(t, c.want); string(got) != string(want) {
			t.Errorf("%s:\n% x, want\n% x", name, got, want)
		}
	}
}

// RFC 6887, figures 3 and 10.
func TestMapAnswerOctets(t *testing.T) {
	const head = `02 81 00 00 00000e10 00010000 00000000 00000000 00000000 01020304 05060708 090a0b0c 06 000000 22b3`
	for name, c := range map[string]struct {
		client netip.Addr
		packet string
		want   string // the external address and port; empty for a stray
	}{
		"IPv4":                       {local, head + `49c3 00000000 00000000 0000ffff 0b16212c`, "11.22.33.44:18883"},
		"another port":               {local, head + `22b4 00000000 00000000 0000ffff 0b16212c`, "11.22.33.44:8884"},
		"IPv4 without an address":    {local, head + `49c3 00000000 00000000 0000ffff 00000000`, "0.0.0.0:18883"},
		"IPv6":                       {global, head + `22b3 2a0e0077 00010000 00000000 00000010`, "[2a0e:77:1::10]:8883"},
		"IPv6 without an address":    {global, head + `22b3 00000000 00000000 00000000 00000000`, "[::]:8883"},
		"options are passed over":    {local, head + `49c3 00000000 00000000 0000ffff 0b16212c fe000004 01020304`, "11.22.33.44:18883"},
		"IPv6 for IPv4":              {local, head + `49c3 2a0e0077 00010000 00000000 00000010`, ""},
		"IPv4 for IPv6":              {global, head + `49c3 00000000 00000000 0000ffff 0b16212c`, ""},
		"an unspecified IPv4 for it": {global, head + `49c3 00000000 00000000 0000ffff 00000000`, ""},
		"another nonce":              {local, strings.Replace(head, "090a0b0c", "090a0b0d", 1) + `49c3 00000000 00000000 0000ffff 0b16212c`, ""},
		"another internal port":      {local, strings.Replace(head, "22b3", "22b4", 1) + `49c3 00000000 00000000 0000ffff 0b16212c`, ""},
		"UDP":                        {local, strings.Replace(head, "06 000000", "11 000000", 1) + `49c3 00000000 00000000 0000ffff 0b16212c`, ""},
		"a request":                  {local, strings.Replace(head, "02 81", "02 01", 1) + `49c3 00000000 00000000 0000ffff 0b16212c`, ""},
		"PEER":                       {local, strings.Replace(head, "02 81", "02 82", 1) + `49c3 00000000 00000000 0000ffff 0b16212c`, ""},
		"version 3":                  {local, strings.Replace(head, "02 81", "03 81", 1) + `49c3 00000000 00000000 0000ffff 0b16212c`, ""},
	} {
		got, err := tcp8883(c.client).Parse(octets(t, c.packet))
		if c.want == "" {
			if !errors.Is(err, pcp.ErrStray) {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
			continue
		}
		if want := (fact.Grant{External: netip.MustParseAddrPort(c.want), Lease: time.Hour, Epoch: 65536}); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, want)
		}
	}
}

func TestParseDeletionPassesOverTheGrantBeforeIt(t *testing.T) {
	m := udp40000()
	if _, err := m.ParseDeletion(answerTo(m.Request(time.Minute), 0, 1)); !errors.Is(err, pcp.ErrStray) {
		t.Errorf("a grant: %v", err)
	}
	if _, err := m.ParseDeletion(answerTo(m.Request(0), 0, 1)); err != nil {
		t.Errorf("the answer: %v", err)
	}
	refused := (*pcp.Refusal)(nil)
	if _, err := m.ParseDeletion(answerTo(m.Request(time.Minute), 2, 1)); !errors.As(err, &refused) {
		t.Errorf("a refusal: %v", err)
	}
}

// RFC 6886, section 3.3 and 3.4.
func TestNATPMPMapOctets(t *testing.T) {
	tcp := pcp.NATPMPMap{Protocol: fact.TCP, Internal: 8883, External: 18883}
	udp := pcp.NATPMPMap{Protocol: fact.UDP, Internal: 40000, External: 40001}
	for name, c := range map[string]struct {
		got  []byte
		want string
	}{
		"TCP":      {tcp.Request(time.Hour), "00 02 0000 22b3 49c3 00000e10"},
		"UDP":      {udp.Request(time.Minute), "00 01 0000 9c40 9c41 0000003c"},
		"deletion": {tcp.Request(0), "00 02 0000 22b3 0000 00000000"},
	} {
		if want := octets(t, c.want); string(c.got) != string(want) {
			t.Errorf("%s: % x, want % x", name, c.got, want)
		}
	}
	got, err := tcp.Parse(octets(t, "00 82 0000 00000009 22b3 22b4 00000708"))
	if want := (fact.Grant{External: netip.AddrPortFrom(netip.Addr{}, 8884), Lease: 30 * time.Minute, Epoch: 9}); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := udp.Parse(octets(t, "00 81 0000 00000009 9c40 0000 00000000")); err != nil || got.Lease != 0 || got.External.Port() != 0 {
		t.Errorf("a deletion: %+v, %v", got, err)
	}
	for name, packet := range map[string]string{
		"nothing": "", "the request": "00 02 0000 22b3 49c3 00000e10", "UDP": "00 81 0000 00000009 22b3 22b4 00000708",
		"another port": "00 82 0000 00000009 22b4 22b4 00000708", "too short": "00 82 0000 00000009 22b3 22b4 000007",
		"too long": "00 82 0000 00000009 22b3 22b4 00000708 00", "the address": "00 80 0000 00000009 0b16212c",
		"another version": "01 82 0000 00000009 22b3 22b4 00000708", "a refusal cut short": "00 82 0002 0000",
	} {
		if got, err := tcp.Parse(octets(t, packet)); !errors.Is(err, pcp.ErrStray) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	refused := (*pcp.Refusal)(nil)
	if _, err := tcp.Parse(octets(t, "02 82 00 01 00000000 00000009 00000000 00000000 00000000")); !errors.As(err, &refused) || !refused.IsVersion() || refused.Speaks != "PCP" {
		t.Errorf("a router that speaks PCP only: %v", err)
	}
}

// Each refusal says what happened, and after it what to do.
func TestRefusalsInWords(t *testing.T) {
	natpmp := map[uint16][2]string{
		1: {"version", "other protocols"}, 2: {"not authorised", "allow it there"}, 3: {"no address from its provider", "connection to the internet"},
		4: {"list of forwards is full", "remove forwards"}, 5: {"does not know the request", "by hand"}, 6: {"not known", "log"},
	}
	pcpWords := map[uint16][2]string{
		1: {"version", "other protocols"}, 2: {"not authorised", "allow it there"}, 3: {"could not read the request", "firmware"},
		4: {"forwards no ports", "by hand"}, 5: {"option", "firmware"}, 6: {"option", "firmware"}, 7: {"no address from its provider", "connection to the internet"},
		8: {"list of forwards is full", "remove forwards"}, 9: {"transport protocol", "by hand"}, 10: {"as many forwards as it may", "remove some"},
		11: {"another host has it", "list of forwards"}, 12: {"another NAT in between", "host's own network"}, 13: {"remote hosts", "by hand"}, 14: {"not known", "log"},
	}
	seen := map[string]bool{}
	check := func(protocol string, code uint16, words [2]string, err error) {
		t.Helper()
		refused := (*pcp.Refusal)(nil)
		if !errors.As(err, &refused) || refused.Code != code || refused.Protocol != protocol || refused.IsVersion() != (code == 1) {
			t.Errorf("%s, code %d: %+v", protocol, code, err)
			return
		}
		text := err.Error()
		what, do := strings.Index(text, words[0]), strings.LastIndex(text, words[1])
		if what < 0 || do < what || !strings.Contains(text, fmt.Sprintf("a %s request with code %d (", protocol, code)) || seen[text] {
			t.Errorf("%s, code %d: %q does not say %q", protocol, code, text, words)
		}
		seen[text] = true
	}
	m := tcp8883(local)
	for code, words := range pcpWords {
		_, err := m.Parse(answerTo(m.Request(time.Hour), byte(code), 0))
		check("PCP", code, words, err)
	}
	for code, words := range natpmp {
		_, err := pcp.NATPMPMap{Protocol: fact.TCP, Internal: 8883}.Parse(append([]byte{0, 0x82, 0, byte(code)}, make([]byte, 12)...))
		check("NAT-PMP", code, words, err)
	}
}

func FuzzNATPMPMap(f *testing.F) {
	f.Add(octets(f, "00 82 0000 00000009 22b3 22b4 00000708"))
	f.Add(octets(f, "00 82 0002 00000009 22b3 0000 00000000"))
	f.Add(octets(f, "02 82 00 01 00000000 00000009"))
	m := pcp.NATPMPMap{Protocol: fact.TCP, Internal: 8883, External: 8883}
	f.Fuzz(func(t *testing.T, packet []byte) {
		got, err := m.Parse(packet)
		refused := (*pcp.Refusal)(nil)
		switch {
		case err == nil && (len(packet) != 16 || packet[0] != 0 || packet[1] != 0x82 || packet[3] != 0 || got.External.Addr().IsValid()):
			t.Fatalf("took % x for %+v", packet, got)
		case err != nil && !errors.Is(err, pcp.ErrStray) && !errors.As(err, &refused):
			t.Fatalf("% x: %v", packet, err)
		case refused != nil && (refused.Error() == "" || refused.Code == 0):
			t.Fatalf("% x is a refusal: %+v", packet, refused)
		}
	})
}

func FuzzParseMapIPv6(f *testing.F) {
	m := tcp8883(global)
	f.Add(octets(f, `02 81 00 00 00000e10 00010000 00000000 00000000 00000000 01020304 05060708 090a0b0c 06 000000 22b3 22b3
		2a0e0077 00010000 00000000 00000010`))
	f.Fuzz(func(t *testing.T, packet []byte) {
		if got, err := m.Parse(packet); err == nil && (got.External.Addr().Is4() || got.External.Addr().Is4In6() || len(packet) < 60 || packet[0] != 2) {
			t.Fatalf("took % x for %+v", packet, got)
		}
	})
}
