//go:build linux

package lab

// The DDNS providers: their APIs on their real names, and the public DNS that
// follows what they are told.

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"

	"github.com/edgeguard/edgeguard/internal/ddns/ddnstest"
)

// What the lab's accounts at the providers hold.
const (
	DuckDNSName  = "myhome.duckdns.org"
	DuckDNSToken = "7d0b1e5a-2f53-4a0e-9c0d-5ec2e7feed01"

	CloudflareZone  = "example.org"
	CloudflareName  = "mqtt.example.org"
	CloudflareToken = "Lab-s3cr3t_token-of-cloudflare_0123456789"
)

// Providers are the running providers. The fakes can be told to misbehave and
// say what they were asked; see ddnstest.
type Providers struct {
	DuckDNS    *ddnstest.DuckDNS
	Cloudflare *ddnstest.Cloudflare

	dns      *PublicDNS
	updating sync.Mutex // one update at a time, each with the newest state
	failed   []error    // guarded by updating
}

// StartProviders starts the APIs of DuckDNS and Cloudflare on ProvidersAddr,
// with certificates of the home's CA. The public DNS must run: every change at
// a provider is in it before the provider's answer is out.
func (h *Home) StartProviders(t testing.TB) *Providers {
	t.Helper()
	if h.dns == nil {
		t.Fatal("StartProviders needs StartPublicDNS first")
	}
	p := &Providers{
		DuckDNS:    ddnstest.NewDuckDNS(DuckDNSToken, DuckDNSName),
		Cloudflare: ddnstest.NewCloudflare(CloudflareToken, CloudflareZone),
		dns:        h.dns,
	}
	p.DuckDNS.OnChange(func(name string, _ netip.Addr) { p.publish(name, p.duckAddrs) })
	p.DuckDNS.OnTXT(p.publishTXT)
	p.Cloudflare.OnChange(func(name string, _ netip.Addr) { p.publish(name, p.cloudflareAddrs) })
	t.Cleanup(func() {
		p.updating.Lock()
		defer p.updating.Unlock()
		for _, err := range p.failed {
			t.Error(err)
		}
	})
	cert := h.CA.Issue(t, "www.duckdns.org", "duckdns.org", "api.cloudflare.com")
	h.serveHTTPS(t, h.WAN, ProvidersAddr, p, cert)
	return p
}

// ServeHTTP hands a request to the provider that it names.
func (p *Providers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	switch host {
	case "www.duckdns.org":
		p.DuckDNS.ServeHTTP(w, r)
	case "api.cloudflare.com":
		p.Cloudflare.ServeHTTP(w, r)
	default:
		http.Error(w, "no such site here", http.StatusMisdirectedRequest)
	}
}

// publish puts a name's addresses into the public DNS.
func (p *Providers) publish(name string, addrs func(name string) []netip.Addr) {
	p.updating.Lock()
	defer p.updating.Unlock()
	if err := p.dns.SetA(name, addrs(name)...); err != nil {
		p.failed = append(p.failed, err)
	}
}

// publishTXT has the public DNS say what DuckDNS does: its newest text, for the
// name and for all below it.
func (p *Providers) publishTXT(name, _ string) {
	p.updating.Lock()
	defer p.updating.Unlock()
	var texts []string
	if text := p.DuckDNS.TXT(name); text != "" {
		texts = []string{text}
	}
	if err := p.dns.SetTXT([]string{name, "*." + name}, texts...); err != nil {
		p.failed = append(p.failed, err)
	}
}

func (p *Providers) duckAddrs(name string) []netip.Addr {
	if addr := p.DuckDNS.Addr(name); addr.IsValid() {
		return []netip.Addr{addr}
	}
	return nil
}

// cloudflareAddrs is what Cloudflare's servers answer: for a proxied name,
// their own edge.
func (p *Providers) cloudflareAddrs(name string) []netip.Addr {
	var addrs []netip.Addr
	for _, r := range p.Cloudflare.Records(name, "A") {
		if r.Proxied {
			return []netip.Addr{ElsewhereAddr}
		}
		if addr, err := netip.ParseAddr(r.Content); err == nil {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}

// Internet is everything outside the home that edgeguard speaks to.
type Internet struct {
	*Providers
	DNS  *PublicDNS
	Echo *Echo
}

// StartInternet starts the public DNS, the providers and the echo service.
func (h *Home) StartInternet(t testing.TB) *Internet {
	t.Helper()
	dns := h.StartPublicDNS(t)
	return &Internet{Providers: h.StartProviders(t), DNS: dns, Echo: h.StartEcho(t)}
}
