//go:build linux

package lab_test

// Which DNS servers the LAN's devices are told of: real DHCP servers and real
// router advertisements.

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
)

// clientsLink is the link clients with its evidence.
type clientsLink struct {
	lab.Link
	Evidence []string `json:"evidence"`
}

func clients(d *lab.Daemon) (link clientsLink, err error) {
	s, err := d.Status()
	if err != nil {
		return link, err
	}
	var all struct {
		Chain []clientsLink `json:"chain"`
	}
	if err := json.Unmarshal(s.Raw, &all); err != nil {
		return link, err
	}
	for _, l := range all.Chain {
		if l.ID == "clients" {
			return l, nil
		}
	}
	return link, errors.New("there is no link clients")
}

// tells is a check: the link has this status, and these words in its summary and
// its action or, after "evidence:", in a line of its evidence.
func tells(d *lab.Daemon, status string, words ...string) func() error {
	return func() error {
		link, err := clients(d)
		if err != nil {
			return err
		}
		if link.Status != status {
			return fmt.Errorf("the link is %+v, want %s", link, status)
		}
		for _, w := range words {
			in := link.Summary + "\n" + link.Action
			if rest, ok := strings.CutPrefix(w, "evidence:"); ok {
				w, in = rest, strings.Join(link.Evidence, "\n")
			}
			if !strings.Contains(in, w) {
				return fmt.Errorf("the link does not say %q: %+v", w, link)
			}
		}
		return nil
	}
}

func dnsServer(list ...netip.Addr) string {
	text := "--dhcp-option=option:dns-server"
	for _, a := range list {
		text += "," + a.String()
	}
	return text
}

func TestClientsAreToldByDHCP(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := &house{Home: lab.New(t, lab.Options{}), name: "mqtt.example.org"}
	h.StartPublicDNS(t)
	other := netip.MustParseAddr("9.9.9.9")
	for _, c := range []struct {
		name    string
		servers map[*lab.Host][]string // nil: none
		status  string
		words   []string
		dns     map[netip.Addr][]netip.Addr
	}{
		{"us", map[*lab.Host][]string{h.Router: {dnsServer(lab.NASAddr), "--domain=home.example"}}, "pass",
			[]string{"1 device asked", "evidence:the DHCP server 192.168.77.1 hands out 192.168.77.10 for DNS, which is this server"},
			map[netip.Addr][]netip.Addr{lab.RouterAddr: {lab.NASAddr}}},
		{"the router", map[*lab.Host][]string{h.Router: {dnsServer(lab.RouterAddr)}}, "warn",
			[]string{"The router's DHCP (192.168.77.1) tells devices to ask 192.168.77.1 for names, not this server, so phones at home that depend on the local answer do not get it.",
				"Set the DNS server of the DHCP in the router to 192.168.77.10", "evidence:1 device asked"},
			map[netip.Addr][]netip.Addr{lab.RouterAddr: {lab.RouterAddr}}},
		{"us and another", map[*lab.Host][]string{h.Router: {dnsServer(lab.NASAddr, other)}}, "warn",
			[]string{"tells devices to ask 9.9.9.9 beside this server", "Take 9.9.9.9 out"},
			map[netip.Addr][]netip.Addr{lab.RouterAddr: {lab.NASAddr, other}}},
		{"no DNS server", map[*lab.Host][]string{h.Router: {"--dhcp-option=option:dns-server"}}, "warn",
			[]string{"tells devices of no DNS server"}, map[netip.Addr][]netip.Addr{lab.RouterAddr: nil}},
		{"two servers", map[*lab.Host][]string{h.Router: {dnsServer(lab.NASAddr)}, h.Pi: {dnsServer(other)}}, "warn",
			[]string{"More than one DHCP server answers, and the DHCP server 192.168.77.11 tells devices to ask 9.9.9.9"},
			map[netip.Addr][]netip.Addr{lab.RouterAddr: {lab.NASAddr}, lab.PiAddr: {other}}},
		{"offers alone", map[*lab.Host][]string{h.Router: {dnsServer(other), "--no-ping"}}, "warn",
			[]string{"The router's DHCP (192.168.77.1) tells devices to ask 9.9.9.9"},
			map[netip.Addr][]netip.Addr{lab.RouterAddr: {other}}},
		{"nobody", nil, "pass", []string{"1 device asked", "evidence:no DHCP server answered"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var servers []*lab.Process
			for host, args := range c.servers {
				first := 100
				if host == h.Pi {
					first = 120
				}
				servers = append(servers, host.StartDHCP(t, append(args, lab.DHCPRange(first))...))
			}
			if c.name == "offers alone" {
				// As some routers do: the kind of message is the first option.
				h.Router.Run(t, "nft", "add table ip deaf; add chain ip deaf in { type filter hook input priority -300; }; add rule ip deaf in udp dport 67 @th,2000,8 8 drop")
				t.Cleanup(func() { h.Router.Run(t, "nft", "delete table ip deaf") })
			}
			d := h.start(t, "")
			lab.Eventually(t, lab.Patience, tells(d, c.status, c.words...))
			got, err := d.HandedOut()
			if err != nil || got == nil || got.DHCP == nil || len(*got.DHCP) != len(c.dns) {
				t.Fatalf("the status has %+v, %v", got, err)
			}
			for _, s := range *got.DHCP {
				want, known := c.dns[s.Address]
				if !known || !slices.Equal(s.DNS, want) || s.Ours != slices.Equal(want, []netip.Addr{lab.NASAddr}) || s.Gateway != s.Address {
					t.Errorf("the status has %+v", s)
				}
			}
			// Nobody has been given an address.
			for _, p := range servers {
				if log := p.Log(); strings.Contains(log, "DHCPREQUEST") || !strings.Contains(log, "DHCPINFORM") && !strings.Contains(log, "DHCPDISCOVER") {
					t.Errorf("the DHCP server was asked otherwise than for what it hands out:\n%s", log)
				}
			}
		})
	}
}

// IPv6 phones go by what the router announces, whatever DHCP says.
func TestClientsAreToldByRouterAdvertisements(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := &house{Home: lab.New(t, lab.Options{}), name: "mqtt.example.org"}
	h.StartPublicDNS(t)
	h.GiveIPv6(t)
	h.Announce(t, lab.HomePrefix, 7200e9, 3600e9) // the router has an address in it from now on
	home := lab.HomePrefix.Addr().Next()
	var us netip.Addr
	lab.Eventually(t, lab.Patience, func() error {
		for _, a := range h.NAS.Addresses6(t) {
			if !a.Tentative {
				us = a.Addr
				return nil
			}
		}
		return errors.New("the NAS has no IPv6 address yet")
	})
	for _, c := range []struct {
		name, status string
		servers      []netip.Addr
		words        []string
	}{
		{"the router", "warn", []netip.Addr{home}, []string{
			"tells devices by IPv6 (RDNSS) to ask " + home.String() + " for names, not this server; phones with IPv6 go by that whatever DHCP says, so phones at home that depend on the local answer do not get it.",
			"Switch off the DNS server in the IPv6 router advertisements (RDNSS)", "evidence:hands out 192.168.77.10 for DNS, which is this server"}},
		{"us", "pass", []netip.Addr{us}, []string{"1 device asked", "evidence:tells of " + us.String() + " for DNS (RDNSS), which is this server"}},
		{"us and another", "warn", []netip.Addr{us, home}, []string{"(RDNSS) to ask " + home.String() + " beside this server"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			list := ""
			for _, a := range c.servers {
				list += ",[" + a.String() + "]"
			}
			h.Router.StartDHCP(t, dnsServer(lab.NASAddr), lab.DHCPRange(100), "--enable-ra", "--dhcp-range=::,constructor:br0,ra-only",
				"--dhcp-option=option6:dns-server"+list)
			d := h.start(t, "")
			lab.Eventually(t, lab.Patience, tells(d, c.status, c.words...))
			got, err := d.HandedOut()
			if err != nil || got == nil || got.Advertisements == nil || len(*got.Advertisements) != 1 {
				t.Fatalf("the status has %+v, %v", got, err)
			}
			if a := (*got.Advertisements)[0]; !slices.Equal(a.DNS, c.servers) || !a.Router.IsLinkLocalUnicast() || a.Ours != (len(c.servers) == 1 && c.servers[0] == us) {
				t.Errorf("the status has %+v", a)
			}
		})
	}
}

// A container may lack the permission; what cannot be asked is no fault.
func TestClientsWithoutThePermissionToAsk(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := &house{Home: lab.New(t, lab.Options{}), name: "mqtt.example.org"}
	h.StartPublicDNS(t)
	h.Router.StartDHCP(t, dnsServer(lab.RouterAddr), lab.DHCPRange(100))
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{Config: h.dnsConfig(t, ""), Prefix: []string{"setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw", "--"}})
	lab.Eventually(t, lab.Patience, h.Phone.WantA(lab.NASAddr, h.name, lab.NASAddr))
	lab.Eventually(t, lab.Patience, tells(d, "pass", "1 device asked",
		"evidence:the DHCP servers cannot be asked without the permission NET_RAW", "evidence:the IPv6 routers cannot be heard without the permission NET_RAW"))
	got, err := d.HandedOut()
	if err != nil || got == nil || got.DHCP != nil || got.Advertisements != nil || !strings.Contains(got.LastError, "NET_RAW") {
		t.Errorf("the status has %+v, %v", got, err)
	}
}
