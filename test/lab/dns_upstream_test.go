//go:build linux

package lab_test

// The servers that everything else is asked of, real ones, over everything
// that is spoken to them.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/test/lab"
)

// wayTo is one way to ask one of the resolvers.
type wayTo struct {
	name, url string
	blocked   []string // what the router drops on its way: "udp 53"
}

// waysTo are all the ways to ask a resolver. Each is shut out of the ways that
// a server might fall back to.
func waysTo(r *lab.Resolver) []wayTo {
	addr, encrypted := r.Addr.String(), []string{"tcp 853", "tcp 443"}
	notTLS, notHTTPS := []string{"udp 53", "tcp 53", "tcp 443"}, []string{"udp 53", "tcp 53", "tcp 853"}
	return []wayTo{
		{"UDP", addr, encrypted},
		{"UDP-with-port", addr + ":53", encrypted},
		{"TCP", "tcp://" + addr, append(encrypted, "udp 53")},
		{"DoT", "tls://" + r.Name, notTLS},
		{"DoT-by-address", "tls://" + addr, notTLS},
		{"DoT-by-address-and-name", "tls://" + addr + "#" + r.Name, notTLS},
		{"DoH", "https://" + r.Name + lab.DoHPath, notHTTPS},
		{"DoH-GET", "https+get://" + r.Name + lab.DoHPath, notHTTPS},
		{"DoH-by-address", "https://" + addr + ":443" + lab.DoHPath, notHTTPS},
	}
}

// only drops on the router what is on its way to a resolver and not wanted.
func (h *house) only(t *testing.T, r *lab.Resolver, way wayTo) {
	t.Helper()
	rules := []string{"add chain inet filter ways { type filter hook forward priority -10 ; }", "flush chain inet filter ways"}
	for _, b := range way.blocked {
		protocol, port, _ := strings.Cut(b, " ")
		rules = append(rules, fmt.Sprintf("add rule inet filter ways ip daddr %s %s dport %s drop", r.Addr, protocol, port))
	}
	for _, rule := range rules {
		h.Router.Run(t, "nft", rule)
	}
}

// upstreamLines are the lines of [dns] that ask these servers; the public DNS
// knows those that are given by name.
func upstreamLines(urls ...string) string {
	text := fmt.Sprintf("upstreams = [\"%s\"]\n", strings.Join(urls, `", "`))
	if strings.Contains(text, ".example.net") {
		text += fmt.Sprintf("bootstrap = [%q]\n", lab.InternetAddr)
	}
	return text
}

func TestRealResolversAreAskedInEveryWay(t *testing.T) {
	t.Parallel() // it waits more than it works
	for _, which := range []struct {
		name  string
		start func(*lab.Home, testing.TB) *lab.Resolver
	}{{"unbound", (*lab.Home).StartUnbound}, {"BIND", (*lab.Home).StartBIND}} {
		t.Run(which.name, func(t *testing.T) {
			t.Parallel()
			lab.Require(t)
			base := lab.New(t, lab.Options{})
			h := &house{Home: base, name: "mqtt.example.org"}
			public := h.StartPublicDNS(t)
			if err := public.Insert(bigText("big.example.com")); err != nil {
				t.Fatal(err)
			}
			r := which.start(base, t)
			for _, way := range waysTo(r) {
				t.Run(way.name, func(t *testing.T) {
					h.only(t, r, way)
					d := h.start(t, upstreamLines(way.url))
					lab.Eventually(t, lab.Patience, h.Phone.WantA(lab.NASAddr, "www.example.com", lab.ElsewhereAddr))
					answer, err := h.Phone.Ask(lab.NASAddr, "big.example.com", dns.TypeTXT)
					if err != nil || len(answer.Answer) != 1 || len(answer.Answer[0].(*dns.TXT).Txt) != 12 {
						t.Errorf("a long answer: %v\n%v", err, answer)
					}
					if answer, err := h.Phone.Ask(lab.NASAddr, "no-such-name.example.com", dns.TypeA); err != nil || answer.Rcode != dns.RcodeNameError {
						t.Errorf("a name that is not there: %v\n%v", err, answer)
					}
					if err := h.Phone.WantA(lab.NASAddr, h.name, lab.NASAddr)(); err != nil {
						t.Error(err)
					}
					lab.Eventually(t, lab.Patience, d.WantLink("dns", "pass"))
					d.Stop(t)
				})
			}
		})
	}
}

// An encrypted upstream that cannot show who it is is no upstream: neither one
// with another's name, nor one whose certificate nobody vouches for.
func TestUpstreamWithAWrongCertificateIsNotBelieved(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := &house{Home: lab.New(t, lab.Options{}), name: "mqtt.example.org"}
	h.StartPublicDNS(t)
	r := h.StartUnbound(t)
	d := h.start(t, upstreamLines("tls://"+r.Addr.String()+"#"+lab.BINDName, "https://"+r.Addr.String()+lab.DoHPath+"#"+lab.BINDName))
	answer, err := h.Phone.Exchange(question("www.example.com", dns.TypeA), "udp", lab.NASAddr, askLimit)
	if err != nil || answer.Rcode != dns.RcodeServerFailure {
		t.Errorf("from a server with another name on its certificate: %v\n%v", err, answer)
	}
	if err := wantFrom(h, h.name, lab.NASAddr); err != nil {
		t.Error(err)
	}
	s, err := d.Status()
	if err != nil || !strings.Contains(string(s.Raw), "certificate") {
		t.Errorf("the status does not speak of the certificate: %v %s", err, s.Raw)
	}
}

// Encrypted upstreams die and come back, too: a connection that was kept is
// found dead and made anew.
func TestEncryptedUpstreamComesBack(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := &house{Home: lab.New(t, lab.Options{}), name: "mqtt.example.org"}
	h.StartPublicDNS(t)
	r := h.StartBIND(t)
	h.start(t, upstreamLines("https://"+r.Name+lab.DoHPath))
	lab.Eventually(t, lab.Patience, h.Phone.WantA(lab.NASAddr, "www.example.com", lab.ElsewhereAddr))
	r.Kill()
	answer, err := h.Phone.Exchange(question("www.example.org", dns.TypeA), "udp", lab.NASAddr, askLimit)
	if err != nil || answer.Rcode != dns.RcodeServerFailure {
		t.Errorf("while it is gone: %v\n%v", err, answer)
	}
	r.Start(t)
	lab.Eventually(t, lab.Patience, h.Phone.WantA(lab.NASAddr, "www.example.org", lab.ElsewhereAddr))
	h.CutWAN(t)
	if err := wantFrom(h, h.name, lab.NASAddr); err != nil {
		t.Error(err)
	}
	h.MendWAN(t)
	lab.Eventually(t, lab.Patience, h.Phone.WantA(lab.NASAddr, "echo.example.net", lab.ElsewhereAddr))
}
