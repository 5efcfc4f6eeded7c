package ddnstest

// DuckDNS's update endpoint.

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// DuckDNS speaks https://www.duckdns.org/update, as described at
// duckdns.org/spec.jsp. Make it with NewDuckDNS.
type DuckDNS struct {
	common
	token string
	// addrs holds a domain's A record; the zero Addr where it has none.
	// Guarded by common.mu.
	addrs map[string]netip.Addr
	// v6 is the same for AAAA. Guarded by common.mu.
	v6 map[string]netip.Addr
	// txt is what the TXT record of a domain, and of every name below it, says.
	// Guarded by common.mu.
	txt map[string]string
	// onTXT is called after each change of txt; guarded by common.mu.
	onTXT func(domain, text string)
}

// NewDuckDNS returns a fake for one account with its domains, bare
// ("myhome") or whole ("myhome.duckdns.org").
func NewDuckDNS(token string, domains ...string) *DuckDNS {
	d := &DuckDNS{token: token, addrs: map[string]netip.Addr{}, v6: map[string]netip.Addr{}, txt: map[string]string{}}
	for _, name := range domains {
		d.addrs[bare(name)] = netip.Addr{}
	}
	return d
}

// bare cuts the suffix that the service accepts and ignores.
func bare(name string) string { return strings.TrimSuffix(strings.ToLower(name), ".duckdns.org") }

// Addr returns the A record of a domain, zero where it has none.
func (d *DuckDNS) Addr(domain string) netip.Addr {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.addrs[bare(domain)]
}

// Set changes a record behind the client's back.
func (d *DuckDNS) Set(domain string, addr netip.Addr) {
	d.mu.Lock()
	d.addrs[bare(domain)] = addr
	d.mu.Unlock()
	d.changedAddr(bare(domain)+".duckdns.org", "A", addr)
}

// Addr6 returns the AAAA record of a domain, zero where it has none.
func (d *DuckDNS) Addr6(domain string) netip.Addr {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.v6[bare(domain)]
}

// Set6 changes an AAAA record behind the client's back.
func (d *DuckDNS) Set6(domain string, addr netip.Addr) {
	d.mu.Lock()
	d.v6[bare(domain)] = addr
	d.mu.Unlock()
	d.changedAddr(bare(domain)+".duckdns.org", "AAAA", addr)
}

// ServeHTTP implements http.Handler.
func (d *DuckDNS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, ok := d.admit(w, r); !ok {
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	if r.URL.Path != "/update" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	q := r.URL.Query()
	names := strings.Split(q.Get("domains"), ",")
	if q.Get("token") != d.token || !d.owns(names) {
		_, _ = w.Write([]byte("KO"))
		return
	}
	if q.Has("txt") { // such a call leaves the addresses alone
		d.serveTXT(w, bare(names[0]), q.Get("txt"), q.Get("clear") == "true", q.Get("verbose") == "true")
		return
	}
	v4, v6, ok := addresses(r)
	if !ok {
		_, _ = w.Write([]byte("KO"))
		return
	}
	if q.Get("clear") == "true" {
		v4, v6 = netip.Addr{}, netip.Addr{}
	}
	moved4, moved6 := d.store(names, v4, v6, q.Get("clear") == "true")
	_, _ = w.Write([]byte(reply(q.Get("verbose") == "true", v4, v6, len(moved4)+len(moved6) > 0)))
	for _, name := range moved4 {
		d.changedAddr(name+".duckdns.org", "A", v4)
	}
	for _, name := range moved6 {
		d.changedAddr(name+".duckdns.org", "AAAA", v6)
	}
}

// TXT returns what the TXT record of a domain says; empty where it has none.
func (d *DuckDNS) TXT(domain string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.txt[bare(domain)]
}

// OnTXT sets a function that is called after each change of a TXT record, outside
// all locks and before the answer; an empty text means that the record is gone.
// Nil means none.
func (d *DuckDNS) OnTXT(f func(domain, text string)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onTXT = f
}

// serveTXT answers a call about the TXT record.
func (d *DuckDNS) serveTXT(w http.ResponseWriter, domain, text string, wipe, verbose bool) {
	if wipe {
		text = ""
	}
	d.mu.Lock()
	moved := d.txt[domain] != text
	d.txt[domain] = text
	f := d.onTXT
	d.mu.Unlock()
	if moved && f != nil {
		f(domain+".duckdns.org", text)
	}
	answer := "OK"
	if verbose {
		answer = "OK\n" + text + "\n" + map[bool]string{true: "UPDATED", false: "NOCHANGE"}[moved]
	}
	_, _ = w.Write([]byte(answer))
}

// owns reports whether the account has all the names.
func (d *DuckDNS) owns(names []string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range names {
		if _, ok := d.addrs[bare(name)]; !ok {
			return false
		}
	}
	return true
}

// addresses reads the addresses to set: ip may hold either family; without
// any, the caller's own is taken.
func addresses(r *http.Request) (v4, v6 netip.Addr, ok bool) {
	for _, text := range []string{r.URL.Query().Get("ip"), r.URL.Query().Get("ipv6")} {
		if text == "" {
			continue
		}
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return v4, v6, false
		}
		if addr.Is4() {
			v4 = addr
		} else {
			v6 = addr
		}
	}
	if !v4.IsValid() && !v6.IsValid() {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		v4, _ = netip.ParseAddr(host)
	}
	return v4, v6, true
}

// store writes the addresses and returns the bare names whose A and AAAA record
// changed.
func (d *DuckDNS) store(names []string, v4, v6 netip.Addr, wipe bool) (moved4, moved6 []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range names {
		name = bare(name)
		before4, before6 := d.addrs[name], d.v6[name]
		if v4.IsValid() || wipe {
			d.addrs[name] = v4
		}
		if v6.IsValid() || wipe {
			d.v6[name] = v6
		}
		if before4 != d.addrs[name] {
			moved4 = append(moved4, name)
		}
		if before6 != d.v6[name] {
			moved6 = append(moved6, name)
		}
	}
	return moved4, moved6
}

// reply is the body: OK, and with verbose the addresses and what happened.
func reply(verbose bool, v4, v6 netip.Addr, moved bool) string {
	if !verbose {
		return "OK"
	}
	word := "NOCHANGE"
	if moved {
		word = "UPDATED"
	}
	return "OK\n" + text(v4) + "\n" + text(v6) + "\n" + word
}

// text is an address as the service writes it, blank where there is none.
func text(addr netip.Addr) string {
	if !addr.IsValid() {
		return ""
	}
	return addr.String()
}
