//go:build linux

package forward

// What goes over the wire between a host and the router, counted in the
// router by nftables.

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
)

// ethernet are the octets of a frame that the IP packet in it has not: header
// without preamble and checksum.
const ethernet = 14

// The kinds of traffic. The upkeep is all but the last two.
var kinds = []string{"tcp", "ssdp", "natpmp", "other", "dns", "public"}

// amount is traffic in both directions.
type amount struct{ packets, octets int64 }

// wire is the octets with the frames' headers.
func (a amount) wire() int64 { return a.octets + ethernet*a.packets }

// amounts is the traffic of a host, by kind.
type amounts map[string]amount

// less is the traffic since before.
func (a amounts) less(before amounts) amounts {
	since := amounts{}
	for kind, now := range a {
		since[kind] = amount{now.packets - before[kind].packets, now.octets - before[kind].octets}
	}
	return since
}

// upkeep is what keeping the forward and the address costs.
func (a amounts) upkeep() (sum int64) {
	for _, kind := range kinds[:4] {
		sum += a[kind].wire()
	}
	return sum
}

// countTraffic counts from now on what each host and the router say to each
// other: what is for the router itself, by its address in the LAN, by
// multicast, or ("public") by that in the internet.
func (r *rig) countTraffic(t *testing.T) {
	t.Helper()
	var counters, chains, in, out strings.Builder
	for _, k := range r.kept {
		for _, kind := range kinds {
			fmt.Fprintf(&counters, "\tcounter %s_%s { }\n", k.name, kind)
		}
		for _, way := range []struct{ name, port, own string }{{"from", "dport", "daddr"}, {"to", "sport", "saddr"}} {
			count := func(match, kind string) {
				fmt.Fprintf(&chains, "\t\t%s counter name %s_%s return\n", match, k.name, kind)
			}
			fmt.Fprintf(&chains, "\tchain %s_%s {\n", way.name, k.name)
			count("meta l4proto { tcp, udp } th "+way.port+" 53", "dns")
			count(fmt.Sprintf("ip %s != { %s, 224.0.0.0/4 }", way.own, lab.RouterAddr), "public")
			count("meta l4proto tcp", "tcp")
			count("udp "+way.port+" 1900", "ssdp")
			count("udp "+way.port+" { 5350, 5351 }", "natpmp")
			count("", "other")
			chains.WriteString("\t}\n")
		}
		fmt.Fprintf(&in, "\t\tip saddr %s goto from_%s\n", k.host.Addr, k.name)
		fmt.Fprintf(&out, "\t\tip daddr %s goto to_%s\n", k.host.Addr, k.name)
	}
	text := fmt.Sprintf("table inet budget {\n%s%s\tchain in {\n\t\ttype filter hook input priority -250;\n%s\t}\n"+
		"\tchain out {\n\t\ttype filter hook output priority 250;\n%s\t}\n}\n", &counters, &chains, &in, &out)
	file := filepath.Join(t.TempDir(), "budget.nft")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r.Router.Run(t, "nft", "-f", file)
}

// traffic is what was counted so far, by host.
func (r *rig) traffic(t *testing.T) map[string]amounts {
	t.Helper()
	text := r.Router.Run(t, "nft", "-j", "list", "counters", "table", "inet", "budget")
	var list struct {
		Nftables []struct {
			Counter *struct {
				Name           string
				Packets, Bytes int64
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatalf("reading nft's counters: %v\n%s", err, text)
	}
	all := map[string]amounts{}
	for _, k := range r.kept {
		all[k.name] = amounts{}
	}
	for _, item := range list.Nftables {
		if c := item.Counter; c != nil {
			host, kind, _ := strings.Cut(c.Name, "_")
			all[host][kind] = amount{c.Packets, c.Bytes}
		}
	}
	return all
}
