//go:build linux

package lab

// A provider that speaks the dyndns2 protocol as dyn.com wrote it down, and that
// Debian's inadyn and ddclient know how to talk to. Its zone is in the public
// DNS.

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Where the provider answers, and what its one account is.
var DynDNSAddr = netip.MustParseAddr("11.22.33.54")

const (
	DynDNSServer   = "members.example.com"
	DynDNSURL      = "https://" + DynDNSServer + "/nic/update"
	DynDNSUser     = "lab-user"
	DynDNSPassword = "Lab-p4ssword+of/dyndns2"
	// DynDNSName is the account's first name; all are in example.com.
	DynDNSName = "home.example.com"

	// abuseAfter is how many calls in a row may say what is known already
	// before the provider blocks a name. Dyn never told the number.
	abuseAfter = 5
	// mostNames is how many names one call may hold.
	mostNames = 20
)

// DynDNSCall is one call, as the provider took it.
type DynDNSCall struct {
	At     time.Time
	Host   string // one of the names of the call, as it came
	Agent  string
	Answer string // the line for the name, or the call's only line
}

// DynDNS is the running provider. Its methods may be called at any time.
type DynDNS struct {
	dns *PublicDNS

	updating sync.Mutex // one update of the DNS at a time

	mu     sync.Mutex
	names  map[string]*dynName // guarded by mu; keys in small letters
	answer func(host string) string
	calls  []DynDNSCall // guarded by mu
}

// dynName is what the provider knows of a name.
type dynName struct {
	v4, v6  netip.Addr
	changed time.Time // when v4 or v6 was set last
	useless int       // calls in a row that changed nothing
	blocked bool
}

// StartDynDNS starts the provider on DynDNSAddr, with a certificate of the
// home's CA and an account that has DynDNSName and the other names, all of them
// in example.com. The public DNS must run.
func (h *Home) StartDynDNS(t testing.TB, names ...string) *DynDNS {
	t.Helper()
	if h.dns == nil {
		t.Fatal("StartDynDNS needs StartPublicDNS first")
	}
	h.addInternetAddress(t, DynDNSAddr)
	if err := h.dns.SetA(DynDNSServer, DynDNSAddr); err != nil {
		t.Fatal(err)
	}
	d := &DynDNS{dns: h.dns, names: map[string]*dynName{DynDNSName: {}}}
	for _, name := range names {
		d.names[name] = &dynName{}
	}
	h.serveHTTPS(t, h.WAN, DynDNSAddr, d, h.CA.Issue(t, DynDNSServer))
	return d
}

// Addr is the A record of a name, zero where it has none.
func (d *DynDNS) Addr(name string) netip.Addr { return d.name(name).v4 }

// Addr6 is the AAAA record of a name, zero where it has none.
func (d *DynDNS) Addr6(name string) netip.Addr { return d.name(name).v6 }

// Changed is when a record of the name was changed last: its new address is in
// the public DNS by then.
func (d *DynDNS) Changed(name string) time.Time { return d.name(name).changed }

func (d *DynDNS) name(name string) dynName {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.names[name]; n != nil {
		return *n
	}
	return dynName{}
}

// Calls are the calls so far that named a name; of all names if it is empty.
func (d *DynDNS) Calls(name string) []DynDNSCall {
	d.mu.Lock()
	defer d.mu.Unlock()
	var found []DynDNSCall
	for _, c := range d.calls {
		if name == "" || c.Host == name {
			found = append(found, c)
		}
	}
	return found
}

// Answer makes the provider answer every name of every call with a code of its
// own, such as "911", and do nothing; empty makes it work again.
func (d *DynDNS) Answer(code string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answer = nil
	if code != "" {
		d.answer = func(string) string { return code }
	}
}

// Unblock lifts the block that a name got for abuse.
func (d *DynDNS) Unblock(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.names[name]; n != nil {
		n.blocked, n.useless = false, 0
	}
}

// ServeHTTP answers GET /nic/update with one line for each name, or with one
// line for all where the account or the client itself is refused.
func (d *DynDNS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/nic/update" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	hosts := strings.Split(r.URL.Query().Get("hostname"), ",")
	user, password, ok := r.BasicAuth()
	refusal, status := "", http.StatusOK
	switch {
	case r.Method != http.MethodGet || r.UserAgent() == "" || strings.HasPrefix(r.UserAgent(), "Go-http-client"):
		refusal = "badagent" // a client that does not say which it is
	case !ok || user != DynDNSUser || password != DynDNSPassword:
		refusal, status = "badauth", http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", `Basic realm="DynDNS API Access"`)
	case len(hosts) > mostNames:
		refusal = "numhost"
	case hosts[0] == "":
		refusal = "notfqdn"
	}
	if refusal != "" {
		for _, host := range hosts {
			d.note(r, host, refusal)
		}
		w.WriteHeader(status)
		fmt.Fprintln(w, refusal)
		return
	}
	v4, v6 := told(r)
	for _, host := range hosts {
		line := d.update(strings.ToLower(strings.TrimSuffix(host, ".")), v4, v6)
		d.note(r, host, line)
		fmt.Fprintln(w, line)
	}
}

func (d *DynDNS) note(r *http.Request, host, answer string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = append(d.calls, DynDNSCall{At: time.Now(), Host: host, Agent: r.UserAgent(), Answer: answer})
}

// told reads the addresses of a call. Where it holds none that can be read, the
// caller's own is meant.
func told(r *http.Request) (v4, v6 netip.Addr) {
	for text := range strings.SplitSeq(r.URL.Query().Get("myip"), ",") {
		switch addr, err := netip.ParseAddr(strings.TrimSpace(text)); {
		case err != nil:
		case addr.Unmap().Is4():
			v4 = addr.Unmap()
		default:
			v6 = addr
		}
	}
	if !v4.IsValid() && !v6.IsValid() {
		if from, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
			v4 = from.Addr().Unmap()
		}
	}
	return v4, v6
}

// update does what a call asks for one name, and returns the line for it.
func (d *DynDNS) update(host string, v4, v6 netip.Addr) string {
	d.updating.Lock()
	defer d.updating.Unlock()
	d.mu.Lock()
	n, answer := d.names[host], d.answer
	var before dynName
	if n != nil {
		before = *n
	}
	d.mu.Unlock()
	switch {
	case answer != nil:
		return answer(host)
	case !strings.Contains(host, "."):
		return "notfqdn"
	case n == nil:
		return "nohost"
	case before.blocked:
		return "abuse"
	}
	same4, same6 := !v4.IsValid() || v4 == before.v4, !v6.IsValid() || v6 == before.v6
	if same4 && same6 {
		d.mu.Lock()
		defer d.mu.Unlock()
		n.useless++
		n.blocked = n.useless >= abuseAfter
		return "nochg " + join(v4, v6)
	}
	if !same4 {
		before.v4 = v4
	}
	if !same6 {
		before.v6 = v6
	}
	if err := d.dns.set(host, before.v4, before.v6); err != nil {
		return "dnserr"
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	n.v4, n.v6, n.changed, n.useless = before.v4, before.v6, time.Now(), 0
	return "good " + join(v4, v6)
}

// join writes the valid ones of two addresses.
func join(v4, v6 netip.Addr) string {
	switch {
	case !v6.IsValid():
		return v4.String()
	case !v4.IsValid():
		return v6.String()
	}
	return v4.String() + "," + v6.String()
}

// set replaces a name's A and AAAA records; addresses that are not valid are
// passed over.
func (d *PublicDNS) set(name string, addrs ...netip.Addr) error {
	name = dns.CanonicalName(name)
	m := new(dns.Msg).SetUpdate(d.zoneOf(name))
	for _, rtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
		m.RemoveRRset([]dns.RR{&dns.ANY{Hdr: dns.RR_Header{Name: name, Rrtype: rtype}}})
	}
	m.Insert(addressRecords(name, valid(addrs)))
	return d.update(m)
}

// valid returns the addresses that are not zero.
func valid(addrs []netip.Addr) (list []netip.Addr) {
	for _, addr := range addrs {
		if addr.IsValid() {
			list = append(list, addr)
		}
	}
	return list
}

// DynDNSSection is the [[ddns]] section by which edgeguard keeps a name at the
// provider. The types default to A.
func DynDNSSection(t testing.TB, name, password string, types ...string) string {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, dir, "password", password+"\n")
	text := fmt.Sprintf("[[ddns]]\nprovider   = \"dyndns2\"\ndomain     = %q\nserver     = %q\nuser       = %q\ntoken_file = %q\n",
		name, DynDNSURL, DynDNSUser, dir+"/password")
	if len(types) > 0 {
		text += fmt.Sprintf("types      = [\"%s\"]\n", strings.Join(types, `", "`))
	}
	return text
}
