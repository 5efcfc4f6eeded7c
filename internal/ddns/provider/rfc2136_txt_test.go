package provider_test

// TXT records by RFC 2136, at BIND 9 on loopback.

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/miekg/dns"
)

func TestRFC2136TXT(t *testing.T) {
	b := startBind(t)
	adaptor := func(a provider.Account, domain string) provider.TXTWriter {
		p, err := provider.NewTXT(provider.Config{Dial: loopbackDial}, domain, a)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := adaptor(b.account(), dynName)
	if p.SingleTXT() || p.TXTZone() != "example.org" {
		t.Errorf("single is %v, the zone is %s", p.SingleTXT(), p.TXTZone())
	}
	name := "_acme-challenge.twice.example.org"
	for _, c := range []struct {
		do    func(context.Context, string, string) error
		value string
		want  []string
	}{
		{p.AddTXT, valueA, []string{valueA}}, {p.AddTXT, valueA, []string{valueA}}, {p.AddTXT, valueB, []string{valueA, valueB}},
		{p.RemoveTXT, valueA, []string{valueB}}, {p.RemoveTXT, valueA, []string{valueB}}, {p.RemoveTXT, valueB, nil},
	} {
		if err := c.do(t.Context(), name, c.value); err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, v := range c.want {
			want = append(want, "60 \""+v+"\"")
		}
		if got := b.all(t, dns.Fqdn(name), dns.TypeTXT); !slices.Equal(got, want) {
			t.Errorf("the server has %q, want %q", got, want)
		}
	}
	// Others of the same name keep what they say, and for how long.
	if err := p.AddTXT(t.Context(), "texts.example.org", valueA); err != nil {
		t.Fatal(err)
	}
	if got := b.all(t, "texts.example.org.", dns.TypeTXT); !slices.Equal(got, []string{"777 \"" + valueA + "\"", "777 \"another's\""}) {
		t.Errorf("the server has %q", got)
	}
	f := wantFault(t, p.AddTXT(t.Context(), "alias.example.org", valueA), provider.Failed, tsigSecret)
	if !contains(f.Text, "CNAME") || f.Action == "" {
		t.Errorf("fault is %+v", f)
	}
	other := b.account()
	other.User = "other-key"
	wantFault(t, adaptor(other, dynName).AddTXT(t.Context(), name, valueA), provider.Doubtful, tsigSecret)
	other.User = "nobody"
	wantFault(t, adaptor(other, dynName).RemoveTXT(t.Context(), name, valueA), provider.Final, tsigSecret)
	wantFault(t, p.AddTXT(t.Context(), "x.example.net", valueA), provider.Final, tsigSecret)
}

// all are the server's records of a name and type: "TTL DATA", sorted.
func (b *bind) all(t *testing.T, name string, rtype uint16) (list []string) {
	t.Helper()
	m, _, err := new(dns.Client).Exchange(new(dns.Msg).SetQuestion(name, rtype), b.addr())
	if err != nil {
		t.Fatal(err)
	}
	for _, rr := range m.Answer {
		list = append(list, strings.ReplaceAll(strings.TrimPrefix(rr.String(), name+"\t"), "\tIN\tTXT\t", " "))
	}
	slices.Sort(list)
	return list
}
