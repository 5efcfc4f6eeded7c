//go:build linux

package lab_test

// The internet around the home: the providers and the echo service.

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/ddns/ddnstest"
	"github.com/edgeguard/edgeguard/test/lab"
)

// fetch gets a URL from a host, with headers in pairs.
func fetch(from *lab.Host, ca *lab.CA, method, url, body string, headers ...string) (string, error) {
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := from.HTTPClient(ca).Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, text)
	}
	return string(text), err
}

func TestProvidersKeepThePublicDNS(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	net := h.StartInternet(t)
	update := "https://www.duckdns.org/update?domains=myhome&verbose=true&token=" + lab.DuckDNSToken
	got, err := fetch(h.NAS, h.CA, "GET", update+"&ip=11.22.33.44", "")
	if err != nil || !strings.HasPrefix(got, "OK\n11.22.33.44\n") {
		t.Errorf("DuckDNS answered %q, %v", got, err)
	}
	if err := h.WAN.WantA(lab.InternetAddr, lab.DuckDNSName, lab.WANAddr)(); err != nil {
		t.Error(err)
	}
	if _, err := fetch(h.NAS, h.Stranger, "GET", update, ""); err == nil {
		t.Error("a client that does not trust the home's CA was content with the provider's certificate")
	}
	net.DuckDNS.Misbehave(ddnstest.Answer(http.StatusBadGateway, "no"))
	if got, err := fetch(h.NAS, h.CA, "GET", update+"&ip=11.22.33.45", ""); err == nil {
		t.Errorf("DuckDNS, told to misbehave, answered %q", got)
	}

	id := net.Cloudflare.Put(ddnstest.Record{Type: "A", Name: lab.CloudflareName, Content: "11.22.33.9", TTL: 300})
	if err := h.WAN.WantA(lab.InternetAddr, lab.CloudflareName, netip.MustParseAddr("11.22.33.9"))(); err != nil {
		t.Error(err)
	}
	api := "https://api.cloudflare.com/client/v4/zones/zone0/dns_records/" + id
	auth := []string{"Authorization", "Bearer " + lab.CloudflareToken}
	if _, err := fetch(h.NAS, h.CA, "PATCH", api, `{"content":"11.22.33.44"}`, auth...); err != nil {
		t.Error(err)
	}
	if err := h.WAN.WantA(lab.InternetAddr, lab.CloudflareName, lab.WANAddr)(); err != nil {
		t.Error(err)
	}
	net.Cloudflare.Put(ddnstest.Record{ID: id, Type: "A", Name: lab.CloudflareName, Content: "11.22.33.44", Proxied: true, TTL: 1})
	if err := h.WAN.WantA(lab.InternetAddr, lab.CloudflareName, lab.ElsewhereAddr)(); err != nil {
		t.Errorf("a proxied name: %v", err)
	}
}

func TestEchoTellsTheCallersAddress(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.Require(t)
	h := lab.New(t, lab.Options{})
	net := h.StartInternet(t)
	for _, want := range []string{"11.22.33.44", "11.22.33.55"} {
		h.SetWANAddress(t, netip.MustParseAddr(want))
		if got, err := fetch(h.Phone, h.CA, "GET", lab.EchoURL, ""); err != nil || got != want+"\n" {
			t.Errorf("the echo service told the phone %q, %v; the home is at %s", got, err, want)
		}
	}
	net.Echo.SetLie(lab.ElsewhereAddr)
	if got, err := fetch(h.Phone, h.CA, "GET", lab.EchoURL, ""); err != nil || got != "11.22.33.3\n" {
		t.Errorf("the echo service, told to lie, said %q, %v", got, err)
	}
	net.Echo.SetOff(true)
	if got, err := fetch(h.Phone, h.CA, "GET", lab.EchoURL, ""); err == nil {
		t.Errorf("the echo service, switched off, said %q", got)
	}
	if got := net.Echo.Served(); got != 3 {
		t.Errorf("the echo service counts %d answers, not 3", got)
	}
}
