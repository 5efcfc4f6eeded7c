package dnsserver_test

// A slow reference for all that the zone and the special-use names answer, in
// messages of miekg/dns and with names in text.

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
)

// slow is what the reference knows: the records of names in canonical text.
type slow struct {
	records  map[string][]dns.RR
	pointers map[string]bool // names that came with a PTR record
	above    map[string]bool // names above those of records
	own      []netip.Prefix
}

func newSlow(cfg zone.Config, own []netip.Prefix) *slow {
	d := &slow{map[string][]dns.RR{}, map[string]bool{}, map[string]bool{}, own}
	for _, r := range cfg.Records {
		d.addRecord(r)
	}
	for _, o := range cfg.Overrides {
		for _, a := range slices.Concat(o.V4, o.V6) {
			d.add(o.Name+".", address(a, 60))
		}
	}
	point := func(name string, addr netip.Addr) {
		reverse, _ := dns.ReverseAddr(addr.String())
		if (addr.IsPrivate() || addr.IsLinkLocalUnicast()) && d.records[reverse] == nil && !strings.HasPrefix(name, "*") {
			d.add(reverse, &dns.PTR{Hdr: head(dns.TypePTR, 60), Ptr: name + "."})
		}
	}
	for _, o := range cfg.Overrides {
		for _, a := range slices.Concat(o.V4, o.V6) {
			point(o.Name, a)
		}
	}
	for _, r := range cfg.Records {
		for _, value := range r.Values {
			if a, err := netip.ParseAddr(value); err == nil && (r.Type == "A" || r.Type == "AAAA") {
				point(r.Name, a)
			}
		}
	}
	return d
}

func head(typ uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Rrtype: typ, Class: dns.ClassINET, Ttl: ttl}
}

func address(a netip.Addr, ttl uint32) dns.RR {
	if a.Is4() {
		return &dns.A{Hdr: head(dns.TypeA, ttl), A: net.IP(a.AsSlice())}
	}
	return &dns.AAAA{Hdr: head(dns.TypeAAAA, ttl), AAAA: net.IP(a.AsSlice())}
}

func (d *slow) add(name string, rr dns.RR) {
	name = dns.CanonicalName(name)
	d.pointers[name] = d.pointers[name] || d.records[name] == nil && rr.Header().Rrtype == dns.TypePTR
	d.records[name] = append(d.records[name], rr)
	for at, end := dns.NextLabel(name, 0); !end; at, end = dns.NextLabel(name, at) {
		d.above[name[at:]] = true
	}
}

func (d *slow) addRecord(r zone.Record) {
	ttl, name := uint32(60), r.Name+"."
	if r.TTL != 0 {
		ttl = uint32(r.TTL.Seconds())
	}
	if reverse, err := dns.ReverseAddr(r.Name); err == nil {
		name = reverse
	}
	for _, value := range r.Values {
		if r.Type == "TXT" {
			var parts []string
			for part := range slices.Chunk([]byte(value), 255) {
				parts = append(parts, string(part))
			}
			d.add(name, &dns.TXT{Hdr: head(dns.TypeTXT, ttl), Txt: parts})
			continue
		}
		if r.Type != "A" && r.Type != "AAAA" && !strings.HasSuffix(value, ".") {
			value += "."
		}
		rr, err := dns.NewRR("x. " + r.Type + " " + value)
		if err != nil {
			panic(err)
		}
		rr.Header().Ttl = ttl
		d.add(name, rr)
	}
}

// of returns the records of a name, and whether it is the zone's to know.
func (d *slow) of(name string) ([]dns.RR, bool) {
	name = dns.CanonicalName(name)
	if list, ok := d.records[name]; ok {
		return list, true
	}
	if at, end := dns.NextLabel(name, 0); !end && !strings.HasPrefix(name, "_") {
		list, ok := d.records["*."+name[at:]]
		return list, ok
	}
	return nil, false
}

// answer answers r for a client; nil means that it is not answered at once.
func (d *slow) answer(r *dns.Msg, client netip.Addr) *dns.Msg {
	q := r.Question[0]
	m := new(dns.Msg).SetReply(r)
	m.Authoritative, m.RecursionAvailable, m.CheckingDisabled = true, true, r.CheckingDisabled
	m.RecursionDesired, m.Zero = r.RecursionDesired, false
	if q.Qclass != dns.ClassINET || q.Qtype >= dns.TypeTKEY && q.Qtype <= dns.TypeAXFR {
		m.Authoritative, m.Rcode = false, dns.RcodeRefused
		return m
	}
	name := q.Name
	list, known := d.of(name)
	for known && q.Qtype != dns.TypeCNAME && q.Qtype != dns.TypeANY && list[0].Header().Rrtype == dns.TypeCNAME {
		m.Answer = append(m.Answer, owned(list[0], name))
		name = list[0].(*dns.CNAME).Target
		list, known = d.of(name)
	}
	if known && d.fromZone(m, name, list, client) {
		return m
	}
	if d.fromSpecial(m, name, known || d.above[dns.CanonicalName(name)]) {
		if name != q.Name {
			m.Rcode = dns.RcodeSuccess
		}
		return m
	}
	return nil
}

// fromZone answers from the records of name, if the type is the zone's to know.
func (d *slow) fromZone(m *dns.Msg, name string, list []dns.RR, client netip.Addr) bool {
	typ := m.Question[0].Qtype
	if typ == dns.TypeANY {
		typ = slices.MinFunc(list, func(a, b dns.RR) int { return rank(a) - rank(b) }).Header().Rrtype
	}
	var found, near []dns.RR
	for _, rr := range list {
		if rr.Header().Rrtype != typ {
			continue
		}
		found = append(found, owned(rr, name))
		if addr, ok := addrOf(rr); ok && slices.ContainsFunc(d.own, func(p netip.Prefix) bool { return p.Contains(addr) && p.Contains(client) }) {
			near = append(near, owned(rr, name))
		}
	}
	if len(near) > 0 {
		found = near
	}
	if len(found) > 0 {
		m.Answer = append(m.Answer, found...)
		return true
	}
	switch typ {
	case dns.TypeA, dns.TypeAAAA, dns.TypeHTTPS, dns.TypeSVCB, dns.TypeCNAME, dns.TypeDNAME:
	default:
		if name != m.Question[0].Name || !d.pointers[dns.CanonicalName(name)] {
			return false
		}
	}
	m.Ns = []dns.RR{soaOf(name)}
	return true
}

// rank is the order in which ANY is answered with a type.
func rank(rr dns.RR) int {
	switch t := rr.Header().Rrtype; t {
	case dns.TypeA, dns.TypeAAAA:
		return -int(1 / t)
	default:
		return int(t) + 1
	}
}

// addrOf returns the address in an A or AAAA record.
func addrOf(rr dns.RR) (netip.Addr, bool) {
	switch rr := rr.(type) {
	case *dns.A:
		return netip.AddrFromSlice(rr.A)
	case *dns.AAAA:
		return netip.AddrFromSlice(rr.AAAA)
	}
	return netip.Addr{}, false
}

// owned returns a copy of rr with name as its owner.
func owned(rr dns.RR, name string) dns.RR {
	rr = dns.Copy(rr)
	rr.Header().Name = name
	return rr
}

func soaOf(name string) dns.RR {
	return &dns.SOA{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 60},
		Ns: name, Mbox: "nobody.invalid.", Serial: 1, Refresh: 3600, Retry: 1200, Expire: 604800, Minttl: 60}
}

// slowDenied are the names that do not exist, with all below them.
var slowDenied = strings.Fields(`local. invalid. test. onion. alt. home.arpa. use-application-dns.net.
	10.in-addr.arpa. 168.192.in-addr.arpa. 0.in-addr.arpa. 127.in-addr.arpa. 254.169.in-addr.arpa. 2.0.192.in-addr.arpa.
	100.51.198.in-addr.arpa. 113.0.203.in-addr.arpa. 255.255.255.255.in-addr.arpa. d.f.ip6.arpa. 8.e.f.ip6.arpa. 9.e.f.ip6.arpa.
	a.e.f.ip6.arpa. b.e.f.ip6.arpa. 8.b.d.0.1.0.0.2.ip6.arpa.
	0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.
	16.172.in-addr.arpa. 17.172.in-addr.arpa. 18.172.in-addr.arpa. 19.172.in-addr.arpa. 20.172.in-addr.arpa. 21.172.in-addr.arpa.
	22.172.in-addr.arpa. 23.172.in-addr.arpa. 24.172.in-addr.arpa. 25.172.in-addr.arpa. 26.172.in-addr.arpa. 27.172.in-addr.arpa.
	28.172.in-addr.arpa. 29.172.in-addr.arpa. 30.172.in-addr.arpa. 31.172.in-addr.arpa.`)

// slowOthers are the other special-use names.
var slowOthers = []string{"localhost.", "resolver.arpa.", "1.0.0.127.in-addr.arpa.",
	"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa."}

// fromSpecial answers where name is a special-use name or below one; exists is
// whether the zone has it, or a name below it.
func (d *slow) fromSpecial(m *dns.Msg, name string, exists bool) bool {
	at, end := 0, name == "."
	for ; !end; at, end = dns.NextLabel(name, at) {
		apex := dns.CanonicalName(name[at:])
		if slices.Contains(slowDenied, apex) || slices.Contains(slowOthers, apex) {
			break
		}
	}
	if end {
		return false
	}
	typ, apex := m.Question[0].Qtype, dns.CanonicalName(name[at:])
	for _, a := range []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()} {
		reverse, _ := dns.ReverseAddr(a.String())
		rr := owned(address(a, 60), name)
		switch t := rr.Header().Rrtype; {
		case apex == "localhost." && (typ == t || typ == dns.TypeANY && a.Is4()):
			m.Answer = append(m.Answer, rr)
			return true
		case apex == reverse && at == 0 && (typ == dns.TypePTR || typ == dns.TypeANY):
			m.Answer = append(m.Answer, &dns.PTR{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypePTR, Class: dns.ClassINET, Ttl: 60}, Ptr: "localhost."})
			return true
		case apex == reverse && at != 0:
			m.Rcode = dns.RcodeNameError
		}
	}
	if slices.Contains(slowDenied, apex) && !exists {
		m.Rcode = dns.RcodeNameError
	}
	if apex == "home.arpa." && at == 0 && typ == dns.TypeDS {
		return false
	}
	m.Ns = []dns.RR{soaOf(name[at:])}
	return true
}
