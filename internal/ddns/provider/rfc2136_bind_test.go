package provider_test

// RFC 2136 against BIND 9 on loopback, and against servers that lie.

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/miekg/dns"
)

const (
	tsigSecret  = "Zm9yIHRlc3RzIG9ubHksIG5vdCBmb3IgYSByZWFsIHpvbmU="
	tsigSecret2 = "YW5vdGhlciBzZWNyZXQgdGhhdCB0aGUgc2VydmVyIGhhcyBub3Q="
)

// account is one that may change the zone.
func (b *bind) account() provider.Account {
	return provider.Account{Provider: "rfc2136", Server: b.addr(), User: "home-key", Token: secret.New(tsigSecret)}
}

// loopbackDial dials what it is told to, on loopback.
func loopbackDial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

func update(t *testing.T, dial provider.DialFunc, domain string, a provider.Account) provider.Provider {
	t.Helper()
	p, err := provider.New(provider.Config{Dial: dial}, domain, a)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRFC2136AgainstBIND(t *testing.T) {
	b := startBind(t)
	set := func(a provider.Account, domain string, addr netip.Addr) (netip.Addr, error) {
		return update(t, loopbackDial, domain, a).Set(t.Context(), domain, addr)
	}
	for _, c := range []struct {
		what, domain string
		addr         netip.Addr
		a, aaaa      string // what the server has afterwards
	}{
		{"A, with the TTL that it had", "home.example.org", addrA, "300 11.22.33.44", "120 2001:db8:2::7"},
		{"AAAA, with the TTL that it had", "home.example.org", addr6, "300 11.22.33.44", "120 2001:db8:1::7"},
		{"the same again", "home.example.org", addr6, "300 11.22.33.44", "120 2001:db8:1::7"},
		{"the zone itself", "example.org", addrA, "300 11.22.33.44", ""},
		{"a new name", "new.example.org", addrA, "60 11.22.33.44", ""},
		{"a new name with dots", "a.b.example.org.", addr6, "", "60 2001:db8:1::7"},
		{"several records", "twice.example.org", addrA, "300 11.22.33.44", ""},
		{"a 4-in-6 address", "mapped.example.org", netip.MustParseAddr("::ffff:11.22.33.44"), "60 11.22.33.44", ""},
		{"a wildcard", "*.example.org", addrA, "60 11.22.33.44", ""},
	} {
		shown, err := set(b.account(), c.domain, c.addr)
		name := dns.Fqdn(c.domain)
		if err != nil || shown != c.addr.Unmap() || b.has(t, name, dns.TypeA) != c.a || b.has(t, name, dns.TypeAAAA) != c.aaaa {
			t.Errorf("%s: Set = %v, %v; the server has %q and %q", c.what, shown, err, b.has(t, name, dns.TypeA), b.has(t, name, dns.TypeAAAA))
		}
	}
	if got := b.has(t, "example.org.", dns.TypeNS); got == "" {
		t.Error("the zone's other records are gone")
	}
	long := b.account()
	long.User, long.Algorithm = "Long-Key.", "HMAC-SHA512"
	if _, err := set(long, "long.example.org", addr6); err != nil {
		t.Errorf("with another algorithm: %v", err)
	}

	wrong := func(change func(*provider.Account)) provider.Account {
		a := b.account()
		change(&a)
		return a
	}
	for _, c := range []struct {
		what, domain string
		a            provider.Account
		kind         provider.FaultKind
		word         string
	}{
		{"no such key", "home.example.org", wrong(func(a *provider.Account) { a.User = "nobody" }), provider.Final, "BADKEY"},
		{"another algorithm", "home.example.org", wrong(func(a *provider.Account) { a.Algorithm = "hmac-sha1" }), provider.Final, "BADKEY"},
		{"another secret", "home.example.org", wrong(func(a *provider.Account) { a.Token = secret.New(tsigSecret2) }), provider.Final, "BADSIG"},
		{"not granted", "home.example.org", wrong(func(a *provider.Account) { a.User = "other-key" }), provider.Doubtful, "REFUSED"},
		{"another zone", "home.example.net", b.account(), provider.Final, "NOTAUTH"},
		{"a zone that is a name", "x.home.example.org", wrong(func(a *provider.Account) { a.Zone = "home.example.org" }), provider.Final, "NOTAUTH"},
		{"an alias", "alias.example.org", b.account(), provider.Failed, "CNAME"},
	} {
		_, err := set(c.a, c.domain, addrB)
		if f := wantFault(t, err, c.kind, c.a.Token.Reveal()); !contains(f.Text, c.word) || f.Action == "" {
			t.Errorf("%s: fault is %+v", c.what, f)
		}
	}

	for _, ahead := range []time.Duration{-2 * time.Hour, 2 * time.Hour} {
		p := update(t, loopbackDial, "home.example.org", b.account())
		provider.AtClock(p, ahead)
		_, err := p.Set(t.Context(), "home.example.org", addrB)
		if f := wantFault(t, err, provider.Failed, tsigSecret); !contains(f.Text, "clock") || !contains(f.Action, "clock") || contains(f.Text, "without signing") {
			t.Errorf("fault is %+v", f)
		}
	}
	if got := b.has(t, "home.example.org.", dns.TypeA); got != "300 11.22.33.44" {
		t.Errorf("what was refused has changed the record to %q", got)
	}

	home := update(t, loopbackDial, "home.example.org", b.account())
	for _, addr := range []netip.Addr{addrB, addrA, addrA} { // another's, ours, and once more
		if err := home.Delete(t.Context(), "home.example.org", addr); err != nil {
			t.Error(err)
		}
		if got := b.has(t, "home.example.org.", dns.TypeA); addr == addrB && got != "300 11.22.33.44" || addr == addrA && strings.Contains(got, "300") {
			t.Errorf("after deleting %s the server has %q", addr, got)
		}
	}
	if got := b.has(t, "home.example.org.", dns.TypeAAAA); got != "120 2001:db8:1::7" {
		t.Errorf("the other family is %q", got)
	}
}

// Where UDP brings nothing, or what anybody may have made up, TCP is tried.
func TestRFC2136FallsBackToTCP(t *testing.T) {
	b := startBind(t)
	for what, answer := range map[string]func(q *dns.Msg) *dns.Msg{
		"silence": func(*dns.Msg) *dns.Msg { return nil },
		"spoofed success": func(q *dns.Msg) *dns.Msg {
			return new(dns.Msg).SetReply(q)
		},
		"spoofed refusal": func(q *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(q, dns.RcodeRefused) },
		"truncated": func(q *dns.Msg) *dns.Msg {
			m := new(dns.Msg).SetReply(q)
			m.Truncated = true
			return m
		},
		"another's answer": func(q *dns.Msg) *dns.Msg {
			m := new(dns.Msg).SetReply(q)
			m.Id++
			return m
		},
	} {
		t.Run(what, func(t *testing.T) {
			liar := serveUDP(t, answer)
			name := strings.ReplaceAll(strings.ReplaceAll(what, " ", ""), "'", "") + ".example.org"
			dial := func(ctx context.Context, network, address string) (net.Conn, error) {
				if network == "udp" {
					address = liar
				}
				return loopbackDial(ctx, network, address)
			}
			shown, err := update(t, dial, name, b.account()).Set(t.Context(), name, addrA)
			if err != nil || shown != addrA || b.has(t, name+".", dns.TypeA) != "60 11.22.33.44" {
				t.Errorf("Set = %v, %v; the server has %q", shown, err, b.has(t, name+".", dns.TypeA))
			}
		})
	}
}

// A server over TCP that nobody has given the key, or that is none.
func TestRFC2136AnswersWithoutASignature(t *testing.T) {
	for what, c := range map[string]struct {
		answer func(q *dns.Msg) []byte
		kind   provider.FaultKind
	}{
		"unsigned success": {func(q *dns.Msg) []byte { return pack(new(dns.Msg).SetReply(q)) }, provider.Failed},
		"unsigned refusal": {func(q *dns.Msg) []byte { return pack(new(dns.Msg).SetRcode(q, dns.RcodeRefused)) }, provider.Doubtful},
		"signed by another": {func(q *dns.Msg) []byte {
			m := new(dns.Msg).SetReply(q)
			m.SetTsig("home-key.", dns.HmacSHA256, 300, time.Now().Unix())
			raw, _, err := dns.TsigGenerate(m, tsigSecret2, "", false)
			if err != nil {
				panic(err)
			}
			return raw
		}, provider.Failed},
		"garbage":     {func(*dns.Msg) []byte { return []byte("garbage") }, provider.Failed},
		"hanging up":  {func(*dns.Msg) []byte { return nil }, provider.Failed},
		"another's":   {func(q *dns.Msg) []byte { q.Id++; return pack(new(dns.Msg).SetReply(q)) }, provider.Failed},
		"other names": {func(q *dns.Msg) []byte { m := new(dns.Msg).SetReply(q); m.Question[0].Name = "x."; return pack(m) }, provider.Failed},
	} {
		t.Run(what, func(t *testing.T) {
			at := serveTCP(t, c.answer)
			udp := serveUDP(t, func(q *dns.Msg) *dns.Msg { return new(dns.Msg).SetReply(q) })
			a := provider.Account{Provider: "rfc2136", Server: at, User: "home-key", Token: secret.New(tsigSecret)}
			dial := func(ctx context.Context, network, address string) (net.Conn, error) {
				if network == "udp" {
					address = udp
				}
				return loopbackDial(ctx, network, address)
			}
			_, err := update(t, dial, "home.example.org", a).Set(t.Context(), "home.example.org", addrA)
			wantFault(t, err, c.kind, tsigSecret)
			// The same answers to the update itself leave open what happened.
			err = update(t, dial, "home.example.org", a).Delete(t.Context(), "home.example.org", addrA)
			kind := provider.Unclear
			if c.kind == provider.Doubtful {
				kind = provider.Doubtful
			}
			wantFault(t, err, kind, tsigSecret)
		})
	}
	a := provider.Account{Provider: "rfc2136", Server: "ns.example.org", User: "home-key", Token: secret.New(tsigSecret)}
	var asked []string
	p := update(t, func(_ context.Context, network, address string) (net.Conn, error) {
		asked = append(asked, network+" "+address)
		return nil, errDown
	}, "home.example.org", a)
	_, err := p.Set(t.Context(), "home.example.org", addrA)
	wantFault(t, err, provider.Failed, tsigSecret)
	if got := strings.Join(asked, ", "); got != "udp ns.example.org:53, tcp ns.example.org:53" {
		t.Errorf("dialed %s", got)
	}
}

// What a server says in answers that it signs with the key.
func TestRFC2136SignedRefusals(t *testing.T) {
	for _, c := range []struct {
		rcode, tsig int
		kind        provider.FaultKind
		word        string
	}{
		{dns.RcodeNotAuth, dns.RcodeBadTime, provider.Failed, "clock"},
		{dns.RcodeNotAuth, 0, provider.Final, "NOTAUTH"},
		{dns.RcodeNotZone, 0, provider.Final, "NOTZONE"},
		{dns.RcodeNotImplemented, 0, provider.Final, "NOTIMP"},
		{dns.RcodeFormatError, 0, provider.Final, "FORMERR"},
		{dns.RcodeRefused, 0, provider.Doubtful, "REFUSED"},
		{dns.RcodeServerFailure, 0, provider.Unclear, "SERVFAIL"},
		{dns.RcodeYXRrset, 0, provider.Failed, "YXRRSET"},
		{dns.RcodeNameError, 0, provider.Failed, "NXDOMAIN"},
	} {
		t.Run(fmt.Sprint(c.word, c.tsig), func(t *testing.T) {
			at := serveSigned(t, c.rcode, uint16(c.tsig))
			dial := func(ctx context.Context, network, address string) (net.Conn, error) {
				if network == "udp" {
					return nil, errDown
				}
				return loopbackDial(ctx, network, address)
			}
			a := provider.Account{Provider: "rfc2136", Server: at, User: "home-key", Token: secret.New(tsigSecret)}
			err := update(t, dial, "home.example.org", a).Delete(t.Context(), "home.example.org", addrA)
			if f := wantFault(t, err, c.kind, tsigSecret); !contains(f.Text, c.word) || contains(f.Text, "without signing") {
				t.Errorf("fault is %+v", f)
			}
		})
	}
}
