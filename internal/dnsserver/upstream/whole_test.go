package upstream_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/upstream"
)

// One of each kind of data that records are made of.
var kinds = []string{
	"example. 60 IN A 192.0.2.1",
	"example. 60 IN AAAA 2001:db8::1",
	"example. 60 IN NS ns.example.",
	"example. 60 IN SOA ns.example. who.example. 1 2 3 4 5",
	"example. 60 IN PTR host.example.",
	"example. 60 IN MX 10 mail.example.",
	"example. 60 IN MX 0 .",
	`example. 60 IN TXT "one" "" "a \"quoted\" \000 octet"`,
	"example. 60 IN RP who.example. .",
	"example. 60 IN AFSDB 1 host.example.",
	"example. 60 IN SRV 1 2 8883 host.example.",
	`example. 60 IN NAPTR 1 2 "s" "SIP+D2T" "" _sip._tcp.example.`,
	"example. 60 IN DS 1 13 2 0011223344556677889900112233445566778899001122334455667788990011",
	"example. 60 IN DNSKEY 257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==",
	"example. 60 IN RRSIG A 13 1 60 20300101000000 20200101000000 1 example. mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==",
	"example. 60 IN NSEC b.example. A MX RRSIG NSEC TYPE1234",
	"example. 60 IN NSEC3 1 1 12 aabbccdd 2t7b4g4vsa5smi47k61mv5bv1a22bojr NS SOA RRSIG",
	"example. 60 IN NSEC3PARAM 1 0 12 aabbccdd",
	"example. 60 IN TLSA 3 1 1 0011223344556677889900112233445566778899001122334455667788990011",
	"example. 60 IN SSHFP 1 1 0011223344556677889900112233445566778899",
	"example. 60 IN LOC 42 21 54 N 71 6 18 W -24m 30m 10000m 10m",
	`example. 60 IN CAA 0 issue "letsencrypt.org"`,
	`example. 60 IN URI 10 1 "https://example.test/"`,
	`example. 60 IN HINFO "cpu" "os"`,
	`example. 60 IN SVCB 1 svc.example. alpn="h2,h3" port="853" ipv4hint=192.0.2.1`,
	"example. 60 IN HTTPS 0 alias.example.",
	"example. 60 IN HTTPS 1 . ipv6hint=2001:db8::1 ech=AEX+DQ==",
	"example. 60 IN CERT 1 2 3 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==",
	"example. 60 IN APL 1:192.0.2.0/24 !2:2001:db8::/32",
	"example. 60 IN EUI48 00-00-5e-00-53-2a",
	"example. 60 IN CSYNC 66 3 A NS AAAA",
	"example. 60 IN IPSECKEY 10 3 2 gw.example. AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==",
	`example. 60 IN TYPE65280 \# 4 0a000001`,
}

// packedData is a record's data, not compressed.
func packedData(t *testing.T, rr dns.RR) []byte {
	t.Helper()
	packed := make([]byte, 4096)
	n, err := dns.PackRR(rr, packed, 0, nil, false)
	if err != nil {
		t.Fatalf("%v: %v", rr, err)
	}
	return packed[len("\x07example\x00")+10 : n]
}

// replyWith is the reply with record, its data cut to size octets, to the question
// for it. It is nil if miekg/dns itself refuses that.
func replyWith(t *testing.T, record dns.RR, size int) *dns.Msg {
	t.Helper()
	h := record.Header()
	packed, err := (&dns.Msg{MsgHdr: dns.MsgHdr{Response: true, RecursionAvailable: true},
		Question: []dns.Question{{Name: h.Name, Qtype: h.Rrtype, Qclass: h.Class}}, Answer: []dns.RR{record}}).Pack()
	if err != nil {
		t.Fatal(err)
	}
	packed = packed[:len(packed)-len(packedData(t, record))+size]
	binary.BigEndian.PutUint16(packed[len(packed)-size-2:], uint16(size))
	m := new(dns.Msg)
	if m.Unpack(packed) != nil {
		return nil
	}
	return m
}

func TestWholeRecordsAreKept(t *testing.T) {
	for _, text := range kinds {
		rr := records(t, text)[0]
		m := replyWith(t, rr, len(packedData(t, rr)))
		if m == nil {
			t.Errorf("%s: cannot be read", text)
			continue
		}
		upstream.Scrub(m, &dns.Msg{Question: m.Question})
		if len(m.Answer) != 1 || !bytes.Equal(packedData(t, m.Answer[0]), packedData(t, rr)) {
			t.Errorf("%s: kept is %v", text, m.Answer)
		}
	}
}

// What is kept of a record cut short anywhere is read by a client as it was
// read here; a name that was cut off never is.
func TestRecordsCutShortAreNotPassedOn(t *testing.T) {
	for _, text := range kinds {
		rr := records(t, text)[0]
		kept := 0
		for size := range len(packedData(t, rr)) {
			m := replyWith(t, rr, size)
			if m == nil {
				continue
			}
			upstream.Scrub(m, &dns.Msg{Question: m.Question})
			packed, err := m.Pack()
			if err != nil || len(m.Answer) == 0 {
				continue
			}
			kept++
			again := new(dns.Msg)
			if err := again.Unpack(packed); err != nil || len(again.Answer) != 1 || !dns.IsDuplicate(m.Answer[0], again.Answer[0]) {
				t.Errorf("%s cut to %d octets: %v is read as %v, %v", text, size, m.Answer, again.Answer, err)
			}
		}
		t.Logf("%s: %d shorter ones were kept", text, kept)
	}
}
