package igd

// Internal: the list is reached over the network only within whole answers.

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/edgeguard/edgeguard/internal/fact"
)

const listed = `<?xml version="1.0"?><p:PortMappingList xmlns:p="urn:schemas-upnp-org:gw:WANIPConnection"><p:PortMappingEntry><p:NewRemoteHost/><p:NewExternalPort>8883</p:NewExternalPort><p:NewProtocol>tcp</p:NewProtocol><p:NewInternalPort>8883</p:NewInternalPort><p:NewInternalClient>192.168.1.10</p:NewInternalClient><p:NewEnabled>1</p:NewEnabled><p:NewDescription>a&amp;b</p:NewDescription><p:NewLeaseTime>60</p:NewLeaseTime></p:PortMappingEntry>` +
	`<PortMappingEntry><NewExternalPort>x</NewExternalPort><NewProtocol>UDP</NewProtocol><NewInternalClient>nas.local</NewInternalClient><NewEnabled>maybe</NewEnabled></PortMappingEntry></p:PortMappingList>`

func TestParseListing(t *testing.T) {
	got, err := parseListing(listed)
	want := []fact.Mapping{
		{Protocol: fact.TCP, ExternalPort: 8883, Internal: netip.MustParseAddrPort("192.168.1.10:8883"), Enabled: true, Description: "a&b", Lease: time.Minute},
		{Protocol: fact.UDP}, // there, and nothing of it can be read
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	for name, text := range map[string]string{
		"nothing": "", "a half": listed[:len(listed)-10], "another root": strings.ReplaceAll(listed, "PortMappingList", "PortList"),
		"too long": listed + strings.Repeat(" ", maxSOAP), "not XML": "8883 -> 192.168.1.10",
	} {
		if got, err := parseListing(text); err == nil {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	if got, err := parseListing(`<p:PortMappingList xmlns:p="x"/>`); err != nil || got != nil {
		t.Errorf("an empty list: %+v, %v", got, err)
	}
}

func FuzzParseListing(f *testing.F) {
	f.Add(listed)
	f.Add("<PortMappingList><PortMappingEntry/></PortMappingList>")
	f.Add("\xff\xfe<\x00a\x00/\x00>\x00")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parseListing(text)
		if err != nil {
			return
		}
		if len(list) > maxElements {
			t.Fatalf("%d entries", len(list))
		}
		for _, m := range list {
			if len(m.Description) > maxWords || !utf8.ValidString(m.Description) || len(m.Protocol) > 16 || m.Lease < 0 || m.Internal.Addr().Zone() != "" {
				t.Fatalf("took %+v", m)
			}
		}
	})
}
