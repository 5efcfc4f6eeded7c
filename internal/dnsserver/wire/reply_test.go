package wire_test

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
)

var (
	four = netip.MustParseAddr("192.168.1.10")
	six  = netip.MustParseAddr("fd00::10")
)

// addrs returns the records of addresses of one family.
func addrs(t testing.TB, ttl uint32, list ...netip.Addr) *wire.RRset {
	t.Helper()
	set, err := wire.NewAddrs(ttl, list...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestAddrsKeepTheCaseOfTheQuestion(t *testing.T) {
	packet := query(t, "mQtT.eXaMple.", dns.TypeA, nil)
	out := wire.AppendRRset(nil, parse(t, packet), nil, addrs(t, 60, four), 512)
	if !bytes.Equal(out[12:len(packet)], packet[12:]) {
		t.Errorf("the question came back as %q", out[12:len(packet)])
	}
	if owner := out[len(packet) : len(packet)+2]; !bytes.Equal(owner, []byte{0xC0, 0x0C}) {
		t.Errorf("the owner is % x, want a pointer to the question", owner)
	}
	m := unpack(t, out)
	if a := m.Answer[0].(*dns.A); a.Hdr.Name != "mQtT.eXaMple." || a.Hdr.Ttl != 60 || a.A.String() != four.String() {
		t.Errorf("answer is %v", a)
	}
	if !m.Authoritative || !m.RecursionAvailable || m.AuthenticatedData || m.Id != 4711 || !m.Response {
		t.Errorf("header is %+v", m.MsgHdr)
	}
}

func TestFlagsAreCopied(t *testing.T) {
	for _, rd := range []bool{false, true} {
		for _, cd := range []bool{false, true} {
			q := parse(t, query(t, "a.", dns.TypeA, func(m *dns.Msg) {
				m.RecursionDesired, m.CheckingDisabled, m.AuthenticatedData, m.Zero = rd, cd, true, true
			}))
			m := unpack(t, wire.AppendNoData(nil, q, 60))
			if m.RecursionDesired != rd || m.CheckingDisabled != cd || m.AuthenticatedData || m.Zero {
				t.Errorf("RD=%v CD=%v came back as %+v", rd, cd, m.MsgHdr)
			}
		}
	}
}

func TestNoDataHasAnSOAOfTheName(t *testing.T) {
	for _, name := range []string{"a.example.", "."} {
		m := unpack(t, wire.AppendNoData(nil, parse(t, query(t, name, dns.TypeHTTPS, nil)), 60))
		soa, ok := m.Ns[0].(*dns.SOA)
		if !ok || soa.Hdr.Name != name || soa.Hdr.Ttl != 60 || soa.Minttl != 60 || m.Rcode != 0 || len(m.Answer) != 0 {
			t.Errorf("NODATA is %v", m)
		}
	}
}

func TestNegativeHasTheApexAsOwner(t *testing.T) {
	q := parse(t, query(t, "Printer.LOCAL.", dns.TypeA, nil))
	_, apex := q.Suffix(1)
	m := unpack(t, wire.AppendNegative(nil, q, wire.NXDomain, apex, 60))
	if m.Rcode != dns.RcodeNameError || m.Ns[0].Header().Name != "LOCAL." {
		t.Errorf("denial is %v", m)
	}
}

func TestOPTOnlyIfAsked(t *testing.T) {
	plain := unpack(t, wire.AppendNoData(nil, parse(t, query(t, "a.", dns.TypeA, nil)), 60))
	if plain.IsEdns0() != nil {
		t.Error("a client without EDNS got an OPT record")
	}
	for _, do := range []bool{false, true} {
		q := parse(t, query(t, "a.", dns.TypeA, func(m *dns.Msg) { m.SetEdns0(4096, do) }))
		opt := unpack(t, wire.AppendNoData(nil, q, 60)).IsEdns0()
		if opt == nil || opt.UDPSize() != 1232 || opt.Do() != do || opt.Version() != 0 || len(opt.Option) != 0 {
			t.Errorf("OPT for DO=%v is %v", do, opt)
		}
	}
}

func TestRcodeReplies(t *testing.T) {
	q := new(wire.Question)
	broken := query(t, "a.", dns.TypeA, nil)[:13]
	if wire.Parse(q, broken) != wire.Bad {
		t.Fatal("a cut question is not bad")
	}
	if m := unpack(t, wire.AppendRcode(nil, q, wire.FormErr)); m.Rcode != dns.RcodeFormatError || len(m.Question) != 0 || m.Id != 4711 {
		t.Errorf("FORMERR is %v", m)
	}
	if wire.Parse(q, query(t, "a.", dns.TypeA, func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify })) != wire.Unsupported {
		t.Fatal("NOTIFY is supported")
	}
	if m := unpack(t, wire.AppendRcode(nil, q, wire.NotImp)); m.Rcode != dns.RcodeNotImplemented || m.Opcode != dns.OpcodeNotify {
		t.Errorf("NOTIMP is %v", m)
	}
	for _, rcode := range []uint16{wire.Refused, wire.ServFail} {
		q := parse(t, query(t, "a.", dns.TypeA, nil))
		if m := unpack(t, wire.AppendRcode(nil, q, rcode)); m.Rcode != int(rcode) || len(m.Question) != 1 || m.Authoritative {
			t.Errorf("rcode %d is %v", rcode, m)
		}
	}
	versioned := query(t, "a.", dns.TypeA, func(m *dns.Msg) { m.SetEdns0(1232, false).IsEdns0().SetVersion(7) })
	if wire.Parse(q, versioned) != wire.Version {
		t.Fatal("EDNS version 7 is good")
	}
	m := unpack(t, wire.AppendRcode(nil, q, wire.BadVers))
	if m.Rcode != dns.RcodeBadVers || m.IsEdns0().Version() != 0 {
		t.Errorf("BADVERS is %v", m)
	}
}

func TestAddrsThatDoNotFitAreTruncated(t *testing.T) {
	q := parse(t, query(t, "a.", dns.TypeAAAA, nil))
	set := addrs(t, 60, slices.Repeat([]netip.Addr{six}, 20)...)
	if m := unpack(t, wire.AppendRRset(nil, q, nil, set, 512)); !m.Truncated || len(m.Answer) != 0 {
		t.Errorf("20 addresses in 512 octets are %v", m)
	}
	if m := unpack(t, wire.AppendRRset(nil, q, nil, set, 1232)); m.Truncated || len(m.Answer) != 20 {
		t.Errorf("20 addresses in 1232 octets are %v", m)
	}
}
