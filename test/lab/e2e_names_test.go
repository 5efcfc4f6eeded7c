//go:build linux

package lab_test

// Whose names the house is answered with: the broker's certificate decides,
// if it may.

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
	"github.com/miekg/dns"
)

func TestNewCertificateIsFollowed(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := newHome(t, lab.DuckDNSName)
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{Provider: "duckdns"})
	lab.Eventually(t, lab.Patience, h.Phone.WantA(lab.NASAddr, h.name, lab.NASAddr))

	h.broker.SetCertificate(t, h.CA.Issue(t, lab.DuckDNSName, "broker.home.example"))
	lab.Eventually(t, lab.Patience, h.Phone.WantA(lab.NASAddr, "broker.home.example", lab.NASAddr))
	if err := h.Publish(h.Phone, "broker.home.example", h.CA); err != nil {
		t.Errorf("by its new name: %v", err)
	}

	h.broker.SetCertificate(t, h.CA.Issue(t, lab.DuckDNSName))
	lab.Eventually(t, lab.Patience, h.Phone.WantA(lab.NASAddr, "broker.home.example", netip.Addr{}))
	lab.Eventually(t, lab.Patience, d.WantLink("certificate", "pass"))
}

func TestUntrustedCertificateChangesNothing(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := newHome(t, lab.DuckDNSName)
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{Provider: "duckdns"})
	lab.Eventually(t, lab.Patience, h.Phone.WantA(lab.NASAddr, h.name, lab.NASAddr))
	outside, err := h.Phone.LookupA(lab.NASAddr, "www.example.com")
	if err != nil || len(outside) != 1 || outside[0] == lab.NASAddr {
		t.Fatalf("www.example.com is %v, %v before the attack: this lab proves nothing", outside, err)
	}

	h.broker.SetCertificate(t, h.Stranger.Issue(t, "www.example.com"))
	lab.Eventually(t, lab.Patience, func() error {
		s, err := d.Status()
		if err != nil {
			return err
		}
		link := s.Link("certificate")
		if !strings.Contains(link.Summary+link.Action, "www.example.com") {
			return errors.New("the certificate link does not speak of the claim: " + link.Summary)
		}
		return nil
	})
	if err := h.Phone.WantA(lab.NASAddr, "www.example.com", outside[0])(); err != nil {
		t.Errorf("the stranger's certificate hijacked a name: %v", err)
	}
	if err := h.Phone.WantA(lab.NASAddr, h.name, lab.NASAddr)(); err != nil {
		t.Errorf("the stranger's certificate took the house its own name: %v", err)
	}
}

func TestOwnCACertificateCountsWithCAFile(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := newHome(t, lab.DuckDNSName)
	h.broker.SetCertificate(t, h.Stranger.Issue(t, "broker.home.example"))
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{CAFile: h.Stranger.File})
	lab.Eventually(t, lab.Patience, h.Phone.WantA(lab.NASAddr, "broker.home.example", lab.NASAddr))
	lab.Eventually(t, lab.Patience, d.WantLink("certificate", "pass"))
	if err := h.Publish(h.Phone, "broker.home.example", h.Stranger); err != nil {
		t.Errorf("with the home's own CA: %v", err)
	}
}

// The name's other types are answered in the house: what leaked to the
// internet would come back as NXDOMAIN or as somebody else's address.
func TestOverriddenNameNeverLeaks(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := newHome(t, lab.DuckDNSName)
	h.StartEdgeguard(t, lab.EdgeguardOptions{Provider: "duckdns"})
	lab.Eventually(t, lab.Patience, h.Phone.WantA(lab.NASAddr, h.name, lab.NASAddr))
	for _, network := range []string{"udp", "tcp"} {
		for _, qtype := range []uint16{dns.TypeAAAA, dns.TypeHTTPS, dns.TypeSVCB} {
			answer, err := h.Phone.AskOver(network, lab.NASAddr, h.name, qtype)
			if err != nil {
				t.Fatal(err)
			}
			if answer.Rcode != dns.RcodeSuccess || len(answer.Answer) != 0 || len(answer.Ns) != 1 || answer.Ns[0].Header().Rrtype != dns.TypeSOA {
				t.Errorf("%s over %s is no NODATA with an SOA:\n%v", dns.TypeToString[qtype], network, answer)
			}
		}
	}
	// Everything else is the world's answer, and a stranger's address has none.
	if err := h.Phone.WantA(lab.NASAddr, "www.example.com", lab.ElsewhereAddr)(); err != nil {
		t.Error(err)
	}
}

// A router that lets questions in from the internet must not make us a tool
// for attacks on others.
func TestStrangersAreRefused(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := newHome(t, lab.DuckDNSName)
	h.StartEdgeguard(t, lab.EdgeguardOptions{Provider: "duckdns"})
	lab.Eventually(t, lab.Patience, h.Phone.WantA(lab.NASAddr, h.name, lab.NASAddr))
	h.Router.Run(t, "nft", "insert", "rule", "inet", "filter", "forward", "iifname", "wan0", "accept")
	h.WAN.Run(t, "ip", "route", "add", lab.NASAddr.String(), "via", lab.WANAddr.String())
	for _, name := range []string{h.name, "www.example.com"} {
		for _, network := range []string{"udp", "tcp"} {
			answer, err := h.WAN.AskOver(network, lab.NASAddr, name, dns.TypeA)
			if err != nil {
				t.Fatalf("the question does not arrive, so this proves nothing: %v", err)
			}
			if answer.Rcode != dns.RcodeRefused || len(answer.Answer) != 0 {
				t.Errorf("a host on the internet is answered over %s:\n%v", network, answer)
			}
		}
	}
}

// After a power cut the NAS is up before its broker. The house keeps the names
// that the broker's certificate gave it.
func TestNamesOutliveARestartWithoutTheBroker(t *testing.T) {
	t.Parallel() // it waits more than it works
	h := newHome(t, lab.DuckDNSName)
	h.broker.SetCertificate(t, h.CA.Issue(t, lab.DuckDNSName, "broker.home.example"))
	d := h.StartEdgeguard(t, lab.EdgeguardOptions{Provider: "duckdns"})
	lab.Eventually(t, lab.Patience, h.Phone.WantA(lab.NASAddr, "broker.home.example", lab.NASAddr))

	d.Kill()
	h.broker.Kill()
	d.Start(t)
	lab.Eventually(t, lab.Patience, h.Phone.WantA(lab.NASAddr, "broker.home.example", lab.NASAddr))
	lab.Eventually(t, lab.Patience, d.WantLink("broker", "fail"))
	if err := h.Phone.WantA(lab.NASAddr, "broker.home.example", lab.NASAddr)(); err != nil {
		t.Errorf("once the broker is known to be down: %v", err)
	}
}
