// Package snippet writes down what edgeguard's own DNS server answers in the
// words of other products, for homes that keep the DNS server they have: each
// text gives the same addresses, and no address of the other family where there
// is none. And it says where a router's NAT loopback is switched on. It is a
// leaf; all is pure.
package snippet

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Name is a name that is to lead to local addresses.
type Name struct {
	// Name is canonical: lower case, without its final dot. It may begin with
	// "*.".
	Name string
	// V4 and V6 are the addresses; both may be empty, and then there is nothing
	// to say of the name.
	V4, V6 []netip.Addr
}

// Service is a service that the router forwards a port to.
type Service struct {
	Name string
	// Address is where it listens in the LAN.
	Address netip.AddrPort
	// ExternalPort is its port on the public address.
	ExternalPort uint16
}

// Input is what the texts are made of.
type Input struct {
	Names    []Name
	Services []Service
	// DNS is where edgeguard's own DNS server answers in the LAN; the zero Addr
	// leaves out what would lead there.
	DNS netip.Addr
	// LAN is the home's IPv4 network; the zero Prefix leaves out what needs it.
	LAN netip.Prefix
}

// Snippet is one way.
type Snippet struct {
	// ID is what it is called on the command line.
	ID string
	// Title is the product's name, Where the file or page that Text goes to.
	Title, Where string
	// Text is ready to be pasted, or, where it begins with "#", says why there
	// is nothing to paste. It ends with a newline.
	Text string
	// Notes are what to know, a sentence each; may be nil.
	Notes []string
}

// kind is how one snippet is made.
type kind struct {
	id, title, where string
	write            func(in Input) (text string, notes []string)
}

// kinds are all there are: DNS servers, then single devices, then routers' NAT
// loopback.
func kinds() []kind {
	return slices.Concat(serverKinds(), routerKinds(), hostKinds(), loopbackKinds())
}

// IDs lists every ID, in order.
func IDs() (ids []string) {
	for _, k := range kinds() {
		ids = append(ids, k.id)
	}
	return ids
}

// All writes every snippet for in, in the order of IDs. Names and services that
// no text could hold safely, and addresses that no device could use, are left
// out of all of them.
func All(in Input) (list []Snippet) {
	in = in.clean()
	for _, k := range kinds() {
		s := Snippet{ID: k.id, Title: k.title, Where: k.where}
		s.Text, s.Notes = k.write(in)
		if s.Text == "" {
			s.Text = "# There is no name to write down yet: set names in [[service]], or let the service answer so that its certificate gives them."
		}
		s.Text = strings.TrimRight(s.Text, "\n") + "\n"
		list = append(list, s)
	}
	return list
}

// clean leaves out what must not stand in a text, and sorts.
func (in Input) clean() Input {
	out := Input{LAN: in.LAN.Masked()}
	if usable(in.DNS) {
		out.DNS = in.DNS
	}
	if !in.LAN.IsValid() || !in.LAN.Addr().Is4() {
		out.LAN = netip.Prefix{}
	}
	seen := map[string]bool{}
	for _, n := range in.Names {
		made := Name{Name: n.Name, V4: only(n.V4, netip.Addr.Is4), V6: only(n.V6, netip.Addr.Is6)}
		if !Safe(n.Name) || seen[n.Name] || len(made.V4)+len(made.V6) == 0 {
			continue
		}
		seen[n.Name] = true
		out.Names = append(out.Names, made)
	}
	slices.SortFunc(out.Names, func(a, b Name) int { return strings.Compare(a.Name, b.Name) })
	for _, s := range in.Services {
		if usable(s.Address.Addr()) && s.Address.Port() != 0 && s.ExternalPort != 0 && safeLabel(s.Name) {
			out.Services = append(out.Services, s)
		}
	}
	return out
}

// usable reports whether a device can be told an address: without a zone, which
// means something on this host only.
func usable(a netip.Addr) bool {
	return a.IsValid() && a.Zone() == "" && !a.Is4In6() && !a.IsUnspecified() && !a.IsMulticast()
}

func only(list []netip.Addr, family func(netip.Addr) bool) (kept []netip.Addr) {
	for _, a := range list {
		if usable(a) && family(a) && !slices.Contains(kept, a) {
			kept = append(kept, a)
		}
	}
	return kept
}

// Safe reports whether a name is a host name in lower case, of letters, digits,
// hyphens and underscores, that may begin with "*.": such a name means nothing
// else in any of the texts, whatever their quotes are.
func Safe(name string) bool {
	name = strings.TrimPrefix(name, "*.")
	if len(name) > 253 || !strings.Contains(name, ".") {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if !safeLabel(label) {
			return false
		}
	}
	return true
}

func safeLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	return !strings.ContainsFunc(label, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// zone is what a wildcard stands before; wild is whether the name is one.
func (n Name) zone() (zone string, wild bool) { return strings.CutPrefix(n.Name, "*.") }

// addrs are all addresses, IPv4 first.
func (n Name) addrs() []netip.Addr { return slices.Concat(n.V4, n.V6) }

// exact are the names that are no wildcards, and wildcards those that are.
func (in Input) exact() (list []Name) {
	for _, n := range in.Names {
		if _, wild := n.zone(); !wild {
			list = append(list, n)
		}
	}
	return list
}

// wildNote is the note on the wildcards that a product cannot hold.
func (in Input) wildNote(why string) (notes []string) {
	for _, n := range in.Names {
		if _, wild := n.zone(); wild {
			notes = append(notes, fmt.Sprintf("%s is left out: %s.", n.Name, why))
		}
	}
	return notes
}

// deepNote is the note where a wildcard reaches further than edgeguard's own.
func (in Input) deepNote() []string {
	if len(in.exact()) == len(in.Names) {
		return nil
	}
	return []string{"A wildcard stands for names of any depth here; with edgeguard's own DNS it is one label."}
}

// leak is the note on a product that asks the world for the family that it was
// given no address of.
func (in Input) leak(product string) []string {
	for _, n := range in.Names {
		if len(n.V4) == 0 || len(n.V6) == 0 {
			return []string{fmt.Sprintf("%s asks the world for the kinds of address that are not listed here (AAAA, where there is only A): a name with a public AAAA record still leads devices that have IPv6 to the public address.", product)}
		}
	}
	return nil
}

// recordType is the type of an address's record.
func recordType(a netip.Addr) string {
	if a.Is4() {
		return "A"
	}
	return "AAAA"
}
