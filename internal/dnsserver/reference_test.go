package dnsserver_test

// The answers from the zone against a slow reference.

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
)

// referenceData is what the reference knows of names: records in text by name,
// and names of which it has addresses or none.
type referenceData struct {
	records  map[string][]dns.RR
	wildcard string
}

func newReference(overrides []zone.Override, records []zone.Record) *referenceData {
	d := &referenceData{records: map[string][]dns.RR{}}
	add := func(name string, rr dns.RR) { d.records[name] = append(d.records[name], rr) }
	addrs := func(name string, list []netip.Addr) {
		for _, a := range list {
			h := dns.RR_Header{Class: dns.ClassINET, Ttl: 60, Rrtype: dns.TypeAAAA}
			if a.Is4() {
				h.Rrtype = dns.TypeA
				add(name, &dns.A{Hdr: h, A: net.IP(a.AsSlice())})
			} else {
				add(name, &dns.AAAA{Hdr: h, AAAA: net.IP(a.AsSlice())})
			}
		}
	}
	for _, o := range overrides {
		if strings.HasPrefix(o.Name, "*.") {
			d.wildcard = o.Name[1:] + "."
		}
		addrs(o.Name+".", o.V4)
		addrs(o.Name+".", o.V6)
	}
	for _, r := range records {
		ttl := uint32(60)
		if r.TTL != 0 {
			ttl = uint32(r.TTL.Seconds())
		}
		for _, value := range r.Values {
			if r.Type == "TXT" {
				var parts []string
				for part := range slices.Chunk([]byte(value), 255) {
					parts = append(parts, string(part))
				}
				add(r.Name+".", &dns.TXT{Hdr: dns.RR_Header{Rrtype: dns.TypeTXT, Class: 1, Ttl: ttl}, Txt: parts})
				continue
			}
			if r.Type != "A" && r.Type != "AAAA" {
				value += "."
			}
			rr, err := dns.NewRR("x. " + r.Type + " " + strings.TrimSuffix(value, "..") + strings.Repeat(".", strings.Count(value, "..")))
			if err != nil {
				panic(err)
			}
			rr.Header().Ttl = ttl
			add(r.Name+".", rr)
		}
	}
	return d
}

// of returns the records of a name, and whether it is the zone's to know.
func (d *referenceData) of(name string) ([]dns.RR, bool) {
	name = dns.CanonicalName(name)
	if list, ok := d.records[name]; ok {
		return list, true
	}
	first, rest, _ := strings.Cut(name, ".")
	if d.wildcard == "."+rest && !strings.HasPrefix(first, "_") {
		return d.records["*"+d.wildcard], true
	}
	return nil, false
}

// answer answers r slowly and with miekg/dns messages; nil means that it is not
// answered at once.
func (d *referenceData) answer(r *dns.Msg) *dns.Msg {
	q := r.Question[0]
	m := new(dns.Msg).SetReply(r)
	m.Authoritative, m.RecursionAvailable, m.CheckingDisabled = true, true, r.CheckingDisabled
	name := q.Name
	for range 9 {
		list, known := d.of(name)
		if !known {
			return nil
		}
		next := ""
		var found []dns.RR
		for _, rr := range list {
			rr = dns.Copy(rr)
			rr.Header().Name = name
			typ := rr.Header().Rrtype
			if c, ok := rr.(*dns.CNAME); ok && q.Qtype != dns.TypeCNAME && q.Qtype != dns.TypeANY {
				next = c.Target
				m.Answer = append(m.Answer, rr)
			} else if typ == q.Qtype || q.Qtype == dns.TypeANY && (len(found) == 0 || found[0].Header().Rrtype == typ) {
				found = append(found, rr)
			}
		}
		if next != "" {
			name = next
			continue
		}
		m.Answer = append(m.Answer, found...)
		if len(found) == 0 {
			switch q.Qtype {
			case dns.TypeA, dns.TypeAAAA, dns.TypeANY, dns.TypeHTTPS, dns.TypeSVCB, dns.TypeCNAME, dns.TypeDNAME:
			default:
				return nil
			}
			m.Ns = []dns.RR{&dns.SOA{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeSOA, Class: 1, Ttl: 60},
				Ns: name, Mbox: "nobody.invalid.", Serial: 1, Refresh: 3600, Retry: 1200, Expire: 604800, Minttl: 60}}
		}
		break
	}
	if opt := r.IsEdns0(); opt != nil {
		m.SetEdns0(1232, opt.Do())
	}
	return m
}

func TestInlineAgreesWithASlowReference(t *testing.T) {
	overrides := []zone.Override{mqtt, both, six, {Name: "*.example.com", V4: both.V4}}
	records := slices.DeleteFunc(slices.Clone(myRecords), func(r zone.Record) bool { return r.Type == "PTR" })
	d := newReference(overrides, records)
	s, local := build(t, silent(t), nil)
	local.Store(built(t, zone.Config{Overrides: overrides, Records: records}))
	names := []string{"x.mqtt.example.org.", "mqtt.example.or.", "a.example.com.", "_a.example.com.", "a.b.example.com.", "example.com.", "example.org."}
	for _, o := range overrides[:3] {
		names = append(names, o.Name+".")
	}
	for _, r := range records {
		names = append(names, r.Name+".")
	}
	rapid.Check(t, func(rt *rapid.T) {
		name := []byte(rapid.SampledFrom(names).Draw(rt, "name"))
		for i, c := range name {
			if 'a' <= c && c <= 'z' && rapid.Bool().Draw(rt, "upper") {
				name[i] -= 'a' - 'A'
			}
		}
		r := new(dns.Msg).SetQuestion(string(name), rapid.SampledFrom([]uint16{1, 28, 255, 65, 64, 5, 39, 16, 33, 12, 257, 2, 43}).Draw(rt, "type"))
		r.RecursionDesired, r.CheckingDisabled = rapid.Bool().Draw(rt, "RD"), rapid.Bool().Draw(rt, "CD")
		size := uint16(0)
		if rapid.Bool().Draw(rt, "EDNS") {
			size = rapid.Uint16().Draw(rt, "size")
			r.SetEdns0(size, rapid.Bool().Draw(rt, "DO"))
		}
		want := d.answer(r)
		out, ok := s.Inline(nil, new(wire.Question), pack(t, r), lanHost)
		if ok != (want != nil) {
			rt.Fatalf("answered inline: %v, want %v, for %v", ok, want, r)
		}
		if want == nil {
			return
		}
		got := new(dns.Msg)
		if err := got.Unpack(out); err != nil {
			rt.Fatalf("unpacking: %v", err)
		}
		if got.Truncated {
			if len(out) > 512 || want.Len() < 400 {
				rt.Fatalf("%v is cut to %v", want, got)
			}
			return
		}
		if limit := min(max(int(size), 512), 1232); len(out) > limit {
			rt.Fatalf("%d octets for a client that takes %d", len(out), limit)
		}
		if got.String() != want.String() {
			rt.Fatalf("got\n%v\nwant\n%v", got, want)
		}
	})
}
