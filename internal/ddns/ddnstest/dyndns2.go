package ddnstest

// A service of the dyndns2 protocol, by the letter of
// help.dyn.com/remote-access-api, with the dialects of some.

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// DynStyle is one service's dialect.
type DynStyle struct {
	// Param6 is the parameter of an IPv6 address; empty means "myip".
	Param6 string
	// No is a value of a parameter that leaves its record alone; empty means
	// that there is none.
	No string
	// OneFamily takes the record of the other family away, as Dyn does.
	OneFamily bool
	// Auto takes the asker's address (198.18.0.1) for a parameter that is absent.
	Auto bool
}

// Dyn is a service. Make it with NewDyn.
type Dyn struct {
	common
	style          DynStyle
	user, password string
	v4, v6         map[string]netip.Addr // guarded by common.mu
	repeats        int                   // nochg in a row; guarded by common.mu
}

// NewDyn returns a fake for one account with its names.
func NewDyn(style DynStyle, user, password string, names ...string) *Dyn {
	d := &Dyn{style: style, user: user, password: password, v4: map[string]netip.Addr{}, v6: map[string]netip.Addr{}}
	for _, name := range names {
		d.v4[name] = netip.Addr{}
	}
	return d
}

// Addrs returns the A and the AAAA record of a name, zero where there is none.
func (d *Dyn) Addrs(name string) (v4, v6 netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.v4[name], d.v6[name]
}

// Set changes a record behind the client's back.
func (d *Dyn) Set(name string, addr netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if addr.Is4() {
		d.v4[name] = addr
	} else {
		d.v6[name] = addr
	}
}

// ServeHTTP implements http.Handler.
func (d *Dyn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, ok := d.admit(w, r); !ok {
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	user, password, basic := r.BasicAuth()
	name := r.URL.Query().Get("hostname")
	d.mu.Lock()
	_, known := d.v4[name]
	d.mu.Unlock()
	switch agent := r.UserAgent(); {
	case r.Method != http.MethodGet || agent == "" || strings.HasPrefix(agent, "Go-http-client") || strings.HasPrefix(agent, "libdns"):
		fmt.Fprint(w, "badagent")
	case !basic || user != d.user || password != d.password:
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, "badauth")
	case r.URL.Path != "/nic/update":
		w.WriteHeader(http.StatusNotFound)
	case !strings.Contains(name, "."):
		fmt.Fprint(w, "notfqdn")
	case !known:
		fmt.Fprint(w, "nohost")
	default:
		d.update(w, r, name)
	}
}

// update answers a request that is in order.
func (d *Dyn) update(w http.ResponseWriter, r *http.Request, name string) {
	v4, v6, ok := d.wanted(r)
	if !ok {
		fmt.Fprint(w, "dnserr")
		return
	}
	d.mu.Lock()
	old4, old6 := d.v4[name], d.v6[name]
	if v4.IsValid() || d.style.OneFamily {
		d.v4[name] = v4
	}
	if v6.IsValid() || d.style.OneFamily {
		d.v6[name] = v6
	}
	moved := old4 != d.v4[name] || old6 != d.v6[name]
	d.repeats++
	if moved {
		d.repeats = 0
	}
	blocked := d.repeats > 2
	now4, now6 := d.v4[name], d.v6[name]
	d.mu.Unlock()
	var shown []string
	for _, addr := range []netip.Addr{v4, v6} {
		if addr.IsValid() {
			shown = append(shown, addr.String())
		}
	}
	switch {
	case blocked:
		fmt.Fprint(w, "abuse")
	case moved:
		fmt.Fprint(w, "good ", strings.Join(shown, ","), "\n")
	default:
		fmt.Fprint(w, "nochg ", strings.Join(shown, ","), "\n")
	}
	if old4 != now4 {
		d.changedAddr(name, "A", now4)
	}
	if old6 != now6 {
		d.changedAddr(name, "AAAA", now6)
	}
}

// wanted reads the addresses to set; false where there is none or garbage.
func (d *Dyn) wanted(r *http.Request) (v4, v6 netip.Addr, ok bool) {
	param6 := d.style.Param6
	if param6 == "" {
		param6 = "myip"
	}
	for _, param := range []string{"myip", param6} {
		value := r.URL.Query().Get(param)
		if value == d.style.No && value != "" {
			continue
		}
		if value == "" && d.style.Auto && param == "myip" {
			value = "198.18.0.1"
		}
		for text := range strings.SplitSeq(value, ",") {
			addr, err := netip.ParseAddr(text)
			switch {
			case text == "":
			case err != nil || addr.Is6() && param != param6:
				return v4, v6, false
			case addr.Is4():
				v4 = addr
			default:
				v6 = addr
			}
		}
	}
	return v4, v6, v4.IsValid() || v6.IsValid()
}
