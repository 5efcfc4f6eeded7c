package main

// Port 80 for the CA, on a fake of routers that speak UPnP.

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/acme"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/router/igdtest"
)

var _ acme.Ports = (*certPorts)(nil)

const (
	certLocalPort = 54321
	certLease     = 10 * time.Minute
)

// portHome is a home whose router is at an address of loopback's.
type portHome struct {
	d   *daemon
	own netip.Addr
}

// newPortHome makes one that forwards by the methods; none means by hand.
func newPortHome(t *testing.T, gateway netip.Addr, ssdp []netip.AddrPort, methods ...fact.Method) *portHome {
	t.Helper()
	d := &daemon{log: quietLog(t), news: newNews(), moves: newMoves(), secrets: &secretList{}}
	d.router = router.New(router.Config{
		Gateway: func() (netip.Addr, error) { return gateway, nil }, SSDP: ssdp, AllowLoopback: true, Spacing: time.Millisecond, Log: d.log,
	})
	cfg := loaded(t, "")
	cfg.StateDir, cfg.Portmap.Enabled, cfg.Portmap.Methods = t.TempDir(), len(methods) > 0, methods
	c, err := d.makeConcerns(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.now.Store(c)
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(gateway, 9)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return &portHome{d, conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr()}
}

// process is a process of the daemon: another one knows what is written down.
func (h *portHome) process() *certPorts {
	p := newCertPorts(h.d)
	p.mapper.own = func() []netip.Addr { return []netip.Addr{h.own} }
	return p
}

// wantNote checks whether something is written down.
func (h *portHome) wantNote(t *testing.T, want bool) {
	t.Helper()
	_, err := os.Stat(h.process().file())
	if want && err != nil || !want && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("written down: %v, want %v", err, want)
	}
}

func newIGDHome(t *testing.T) (*portHome, *igdtest.Router) {
	t.Helper()
	fake := igdtest.Start(t)
	gateway, err := fake.Gateway()
	if err != nil {
		t.Fatal(err)
	}
	return newPortHome(t, gateway, fake.SSDP(), fact.MethodIGD), fake
}

// open opens it, and fails where that fails.
func (h *portHome) open(t *testing.T, p *certPorts) (end func(context.Context) error) {
	t.Helper()
	end, err := p.Open(t.Context(), certLocalPort, certLease)
	if err != nil {
		t.Fatal(err)
	}
	return end
}

// wantTable checks where port 80 of the router leads; nowhere is the zero one.
func wantTable(t *testing.T, fake *igdtest.Router, want netip.AddrPort) {
	t.Helper()
	table := fake.Table()
	if !want.IsValid() && len(table) == 0 {
		return
	}
	if len(table) != 1 || table[0].ExternalPort != 80 || table[0].Internal != want || table[0].Protocol != fact.TCP {
		t.Errorf("the router has %+v, want port 80 to lead to %v", table, want)
	}
}

// put is an entry of somebody's.
func put(fake *igdtest.Router, internal, mark string) netip.AddrPort {
	at := netip.MustParseAddrPort(internal)
	fake.Put(fact.Mapping{Protocol: fact.TCP, ExternalPort: 80, Internal: at, Description: mark, Enabled: true})
	return at
}

func TestPort80IsOpenForAWhile(t *testing.T) {
	h, fake := newIGDHome(t)
	p, noted := h.process(), false
	fake.Behave(func(b *igdtest.Behaviour) {
		b.Control = func(_ http.ResponseWriter, _ *http.Request, action string) bool {
			if action == "AddPortMapping" {
				_, err := os.Stat(p.file())
				noted = err == nil
			}
			return false
		}
	})
	end := h.open(t, p)
	wantTable(t, fake, netip.AddrPortFrom(h.own, certLocalPort))
	if e := fake.Table()[0]; e.Description != portMark || e.Lease <= 0 || e.Lease > certLease {
		t.Errorf("the entry is %+v", e)
	}
	if !noted {
		t.Error("it was not written down before it was asked for")
	}
	if _, err := p.Open(t.Context(), certLocalPort, certLease); err == nil {
		t.Error("it was opened twice")
	}
	if err := p.dropStale(t.Context()); err != nil {
		t.Error(err)
	}
	wantTable(t, fake, netip.AddrPortFrom(h.own, certLocalPort)) // it is in use
	for range 2 {
		if err := end(t.Context()); err != nil {
			t.Error(err)
		}
		wantTable(t, fake, netip.AddrPort{})
		h.wantNote(t, false)
	}
	// Another one afterwards, that the router forgets: nothing is left to end.
	end = h.open(t, p)
	fake.Forget()
	if err := end(t.Context()); err != nil {
		t.Error(err)
	}
	h.wantNote(t, false)
}

// Where several methods fail, one sentence is made of it.
func TestPort80IsRefusedInOneSentence(t *testing.T) {
	other := errors.New("the router forwards port 1024 in place of port 80 (pcp)")
	p := &certPorts{}
	for want, err := range map[string]error{
		"for the CA: port 80 of the router is taken by 192.168.1.7:80. Prove":                                       errors.Join(takenError{80, netip.MustParseAddrPort("192.168.1.7:80")}, other),
		"for the CA: there is no UPnP; the router forwards port 1024 in place of port 80 (pcp). Prove the names by": errors.Join(errors.New("there is no UPnP"), other),
	} {
		if got := p.words(t.Context(), err); !strings.Contains(got.Error(), want) || !errors.Is(got, err) {
			t.Errorf("it says %q", got)
		}
	}
}

func TestPort80OfAnotherIsNotTouched(t *testing.T) {
	h, fake := newIGDHome(t)
	// On this host too, unless it is described as ours.
	for _, c := range [][2]string{{"192.168.1.7:80", "web"}, {h.own.String() + ":8080", "web"}, {"192.168.1.7:54321", portMark}} {
		at := put(fake, c[0], c[1])
		_, err := h.process().Open(t.Context(), certLocalPort, certLease)
		if err == nil || !strings.Contains(err.Error(), "taken by "+c[0]) || !strings.Contains(err.Error(), "dns-01") {
			t.Errorf("Open = %v", err)
		}
		wantTable(t, fake, at)
		h.wantNote(t, false)
		fake.Forget()
	}
	// What became another's while it was open stays.
	end := h.open(t, h.process())
	at := put(fake, "192.168.1.7:80", "web")
	if err := end(t.Context()); err != nil {
		t.Error(err)
	}
	wantTable(t, fake, at)
	h.wantNote(t, false)
}

// A process that was killed leaves nothing once the next one has started.
func TestPort80AfterACrash(t *testing.T) {
	h, fake := newIGDHome(t)
	t.Run("after it was made", func(t *testing.T) {
		h.open(t, h.process())
		if err := h.process().dropStale(t.Context()); err != nil {
			t.Error(err)
		}
		wantTable(t, fake, netip.AddrPort{})
		h.wantNote(t, false)
	})
	t.Run("between the note and the request", func(t *testing.T) {
		p := h.process()
		m := madeMapping{method: fact.MethodIGD, mapping: fact.Mapping{Internal: netip.AddrPortFrom(h.own, certLocalPort)}}
		if err := p.note(m, time.Now().Add(certLease)); err != nil {
			t.Fatal(err)
		}
		if err := h.process().dropStale(t.Context()); err != nil {
			t.Error(err)
		}
		h.wantNote(t, false)
	})
	t.Run("another has taken the port since", func(t *testing.T) {
		h.open(t, h.process())
		at := put(fake, "192.168.1.7:80", "web")
		if err := h.process().dropStale(t.Context()); err != nil {
			t.Error(err)
		}
		wantTable(t, fake, at)
		h.wantNote(t, false)
		fake.Forget()
	})
	t.Run("the next one opens it again", func(t *testing.T) {
		h.open(t, h.process())
		end := h.open(t, h.process())
		wantTable(t, fake, netip.AddrPortFrom(h.own, certLocalPort))
		if err := end(t.Context()); err != nil {
			t.Error(err)
		}
		wantTable(t, fake, netip.AddrPort{})
	})
	t.Run("the note is lost or spoilt", func(t *testing.T) {
		for _, spoil := range []func(file string) error{os.Remove, func(file string) error { return os.WriteFile(file, []byte("{"), 0o600) }} {
			p := h.process()
			h.open(t, p)
			if err := spoil(p.file()); err != nil {
				t.Fatal(err)
			}
			end := h.open(t, h.process())
			if err := end(t.Context()); err != nil {
				t.Error(err)
			}
			wantTable(t, fake, netip.AddrPort{})
			h.wantNote(t, false)
		}
	})
	t.Run("the router does not answer at once", func(t *testing.T) {
		h.open(t, h.process())
		fake.Behave(func(b *igdtest.Behaviour) {
			b.Control = igdtest.Always(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "later", http.StatusServiceUnavailable) })
		})
		if err := h.process().dropStale(t.Context()); err == nil {
			t.Error("the router does not answer, and there is no error")
		}
		h.wantNote(t, true)
		fake.Behave(func(b *igdtest.Behaviour) { b.Control = nil })
		if err := h.process().dropStale(t.Context()); err != nil {
			t.Error(err)
		}
		wantTable(t, fake, netip.AddrPort{})
		h.wantNote(t, false)
	})
}

// Where nobody knows whether it was made, it is taken away, or stays noted.
func TestPort80WhoseOutcomeIsUnknown(t *testing.T) {
	h, fake := newIGDHome(t)
	at := netip.AddrPortFrom(h.own, certLocalPort)
	for _, deaf := range []bool{false, true} {
		made := false
		fake.Behave(func(b *igdtest.Behaviour) {
			b.Control = func(w http.ResponseWriter, _ *http.Request, action string) bool {
				if action == "AddPortMapping" {
					fake.Put(fact.Mapping{Protocol: fact.TCP, ExternalPort: 80, Internal: at, Description: portMark, Enabled: true})
					made = true
				}
				if made && (deaf || action == "AddPortMapping") {
					http.Error(w, "?", http.StatusBadGateway)
					return true
				}
				return false
			}
		})
		if _, err := h.process().Open(t.Context(), certLocalPort, certLease); err == nil {
			t.Fatal("no error")
		}
		h.wantNote(t, deaf)
		fake.Behave(func(b *igdtest.Behaviour) { b.Control = nil })
		if deaf {
			wantTable(t, fake, at)
			if err := h.process().dropStale(t.Context()); err != nil {
				t.Error(err)
			}
			h.wantNote(t, false)
		}
		wantTable(t, fake, netip.AddrPort{})
	}
}

// Routers that do not do as they are asked, each in words.
func TestPort80OnOddRouters(t *testing.T) {
	h, fake := newIGDHome(t)
	for what, c := range map[string]struct {
		odd   func(*igdtest.Behaviour)
		words string // empty where it works all the same
	}{
		"the same port only":  {func(b *igdtest.Behaviour) { b.Faults = map[string]int{"AddPortMapping": 724} }, "same port inside (error 724)"},
		"taken, and unlisted": {func(b *igdtest.Behaviour) { b.Faults = map[string]int{"AddPortMapping": 718} }, "port 80 is taken (error 718)"},
		"its own page":        {func(b *igdtest.Behaviour) { b.Faults = map[string]int{"AddPortMapping": 729} }, "service of the router's own"},
		"not allowed":         {func(b *igdtest.Behaviour) { b.Faults = map[string]int{"AddPortMapping": 606} }, "allows this host"},
		"no leases":           {func(b *igdtest.Behaviour) { b.RefusesLeases = 725 }, ""},
		"no leases, as ARRIS": {func(b *igdtest.Behaviour) { b.RefusesLeases = 402 }, ""},
		"no descriptions":     {func(b *igdtest.Behaviour) { b.Rewrites = func(e *igdtest.Entry) { e.Description = "" } }, ""},
		"taken and not made":  {func(b *igdtest.Behaviour) { b.Rewrites = func(e *igdtest.Entry) { e.Drop = true } }, "does not have it"},
		"another port inside": {func(b *igdtest.Behaviour) {
			b.Control = func(_ http.ResponseWriter, _ *http.Request, action string) bool {
				if action == "GetSpecificPortMappingEntry" && len(fake.Table()) > 0 {
					put(fake, h.own.String()+":80", portMark)
				}
				return false
			}
		}, "not to " + h.own.String() + ":54321"},
	} {
		t.Run(what, func(t *testing.T) {
			fake.Behave(func(b *igdtest.Behaviour) {
				b.Faults, b.RefusesLeases, b.Rewrites, b.Control = nil, 0, nil, nil
				c.odd(b)
			})
			end, err := h.process().Open(t.Context(), certLocalPort, certLease)
			switch {
			case c.words == "" && err == nil:
				wantTable(t, fake, netip.AddrPortFrom(h.own, certLocalPort))
				if err := end(t.Context()); err != nil {
					t.Error(err)
				}
			case c.words == "" || err == nil || !strings.Contains(err.Error(), c.words) || !strings.Contains(err.Error(), "dns-01"):
				t.Errorf("Open = %v, want words with %q", err, c.words)
			}
			wantTable(t, fake, netip.AddrPort{})
			h.wantNote(t, false)
		})
	}
}

// What may not be asked for, or could not be taken away after a crash, is not
// asked for.
func TestPort80ThatIsNotAskedFor(t *testing.T) {
	fake := igdtest.Start(t)
	gateway, err := fake.Gateway()
	if err != nil {
		t.Fatal(err)
	}
	h := newPortHome(t, gateway, fake.SSDP())
	if _, err := h.process().Open(t.Context(), certLocalPort, certLease); !errors.Is(err, errByHand) || !strings.Contains(err.Error(), "dns-01") {
		t.Errorf("by hand: %v", err)
	}
	h = newPortHome(t, gateway, fake.SSDP(), fact.MethodIGD)
	if err := os.WriteFile(filepath.Join(h.d.now.Load().cfg.StateDir, "cert"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := h.process().Open(t.Context(), certLocalPort, certLease); err == nil {
		t.Error("it cannot be written down, and there is no error")
	}
	p := h.process()
	p.mapper.own = func() []netip.Addr { return nil }
	if _, err := p.Open(t.Context(), certLocalPort, certLease); err == nil || !strings.Contains(err.Error(), "container on a bridge") {
		t.Errorf("on a bridge: %v", err)
	}
	for _, call := range fake.Calls() {
		if call.Action == "AddPortMapping" {
			t.Error("the router was asked")
		}
	}
}

// The daemon's port 80 asks the daemon's router: one that was taken before the
// router was made brought the whole daemon down at the first proof by http-01.
func TestTheDaemonOpensPort80AtItsRouter(t *testing.T) {
	d, err := newDaemon(loaded(t, ""), netip.MustParseAddr("192.168.1.2"), quietLog(t), &secretList{})
	if err != nil {
		t.Fatal(err)
	}
	if d.certPorts.mapper.router != d.router || d.router == nil {
		t.Error("port 80 is asked of another router than the daemon's")
	}
}
