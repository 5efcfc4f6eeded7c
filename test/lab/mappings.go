//go:build linux

package lab

// What the router really forwards, as the kernel knows it.

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// Mapping is one port that the router forwards into the LAN.
type Mapping struct {
	// Protocol is "tcp" or "udp".
	Protocol string
	// External is the port on the WAN address.
	External uint16
	// Internal is where it leads.
	Internal netip.AddrPort
}

// Mappings lists what the router forwards now, read from its NAT table and so
// whatever its UPnP service says about it.
func (h *Home) Mappings(t testing.TB) []Mapping {
	t.Helper()
	out := h.Router.Run(t, "nft", "-j", "list", "chain", "inet", "filter", "prerouting_miniupnpd")
	mappings, err := parseMappings([]byte(out))
	if err != nil {
		t.Fatalf("reading the router's NAT table: %v\n%s", err, out)
	}
	return mappings
}

// nftRules is the part of nft's JSON that rules are read from; see
// libnftables-json(5).
type nftRules struct {
	Nftables []struct {
		Rule *struct {
			Expr []struct {
				Match *nftMatch `json:"match"`
				DNAT  *struct {
					Addr string `json:"addr"`
					Port uint16 `json:"port"`
				} `json:"dnat"`
			} `json:"expr"`
		} `json:"rule"`
	} `json:"nftables"`
}

type nftMatch struct {
	Left struct {
		Payload struct {
			Base   string `json:"base"` // with Offset and Len, a raw expression
			Offset int    `json:"offset"`
			Len    int    `json:"len"`
			Field  string `json:"field"`
		} `json:"payload"`
		Meta struct {
			Key string `json:"key"`
		} `json:"meta"`
	} `json:"left"`
	Right json.RawMessage `json:"right"`
}

func parseMappings(text []byte) ([]Mapping, error) {
	var rules nftRules
	if err := json.Unmarshal(text, &rules); err != nil {
		return nil, fmt.Errorf("reading nft's JSON: %w", err)
	}
	var mappings []Mapping
	for _, item := range rules.Nftables {
		if item.Rule == nil {
			continue
		}
		var m Mapping
		for _, e := range item.Rule.Expr {
			if e.Match != nil {
				e.Match.apply(&m)
			}
			if e.DNAT != nil {
				addr, err := netip.ParseAddr(e.DNAT.Addr)
				if err != nil {
					return nil, fmt.Errorf("reading a rule's target: %w", err)
				}
				m.Internal = netip.AddrPortFrom(addr, e.DNAT.Port)
			}
		}
		if m.Protocol == "" || m.External == 0 || !m.Internal.IsValid() {
			return nil, fmt.Errorf("a rule of miniupnpd's that is not understood: %+v", item.Rule.Expr)
		}
		mappings = append(mappings, m)
	}
	return mappings, nil
}

// apply takes protocol and port from a match. miniupnpd writes the protocol
// as raw bits of the network header, and nft prints them by name or not,
// depending on its version.
func (m *nftMatch) apply(to *Mapping) {
	p := m.Left.Payload
	right := strings.Trim(string(m.Right), `"`)
	switch {
	case p.Field == "dport":
		fmt.Sscan(right, &to.External)
	case p.Field == "protocol" && p.Base == "", m.Left.Meta.Key == "l4proto",
		p.Base == "nh" && p.Offset == 72 && p.Len == 8:
		to.Protocol = map[string]string{"6": "tcp", "17": "udp"}[right]
		if to.Protocol == "" {
			to.Protocol = right
		}
	}
}
