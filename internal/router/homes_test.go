package router_test

// Routers of people's homes, and the odd forms of what they say.

import (
	"encoding/binary"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/router/igdtest"
)

// patientRouter is newRouter for tests in which the router answers: then a
// long window costs nothing.
func patientRouter(fake *igdtest.Router) *router.Router {
	r := newRouter(fake)
	r.BePatient()
	return r
}

func TestRoutersOfPeoplesHomes(t *testing.T) {
	for name, c := range map[string]struct {
		odd     func(*igdtest.Behaviour)
		service string // that is spoken to
		wan     string // its address; "unknown" with an error
		add     int    // the error code of a mapping with a lease; 0 means that it is taken
	}{
		"ARRIS":       {igdtest.ARRIS, igdtest.WANIP1, "11.22.33.44", 402},
		"MikroTik":    {igdtest.MikroTik, igdtest.WANIP1, "11.22.33.44", 725},
		"Netgear":     {igdtest.Netgear, igdtest.WANIP1, "11.22.33.44", 725},
		"DD-WRT":      {igdtest.DDWRT, igdtest.WANIP1, "11.22.33.44", 0},
		"Technicolor": {igdtest.Technicolor, igdtest.WANPPP, "11.22.33.44", 0},
		"Tomato":      {igdtest.Tomato, igdtest.WANIP1, "11.22.33.44", 0},
		"Linksys":     {igdtest.Linksys, igdtest.WANIP1, "11.22.33.44", 0},
		"FRITZ!Box":   {igdtest.FritzBox, igdtest.WANIP2, "11.22.33.44", 606},
		"ZTE":         {igdtest.ZTE, igdtest.WANIP2, "44.33.22.11", 0},
		"ASUS":        {igdtest.ASUS, igdtest.WANIP1, "unknown", 0},
		"Huawei":      {igdtest.HuaweiHG531, igdtest.ForumPPP, "11.22.33.44", 0},
		"ER605":       {igdtest.TPLinkER605, igdtest.WANIP1, "11.22.33.44", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := igdtest.Start(t)
			fake.Behave(c.odd)
			r := patientRouter(fake)
			got, err := r.ExternalAddress(t.Context())
			if got.String() != c.wan || (err != nil) != (c.wan == "unknown") {
				t.Errorf("WAN address %v, %v, want %s", got, err, c.wan)
			}
			if _, err := r.Get(t.Context(), fact.TCP, 8883); !errors.Is(err, fact.ErrNoMapping) {
				t.Errorf("Get of nothing: %v", err)
			}
			lower := wanted
			lower.Protocol = "tcp" // refused by all, so it must go out as TCP
			fault := (*fact.GatewayFault)(nil)
			err = r.Add(t.Context(), lower)
			switch {
			case c.add == 0 && err != nil, c.add != 0 && (!errors.As(err, &fault) || fault.Code != c.add):
				t.Fatalf("Add: %v, want code %d", err, c.add)
			case c.add == 0, c.add == 606:
			default: // those that refuse leases take what has no end
				lower.Lease = 0
				if err := r.Add(t.Context(), lower); err != nil {
					t.Fatalf("Add without an end: %v", err)
				}
			}
			if calls := fake.Calls(); calls[len(calls)-1].Service != c.service {
				t.Errorf("spoke to %s, want %s", calls[len(calls)-1].Service, c.service)
			}
			if c.add == 606 {
				return
			}
			if got, err := r.Get(t.Context(), fact.TCP, 8883); err != nil || got.Internal != wanted.Internal || !got.Enabled || got.Description != wanted.Description {
				t.Errorf("read back %+v, %v", got, err)
			}
			if err := r.Delete(t.Context(), fact.TCP, 8883); err != nil || len(fake.Table()) != 0 {
				t.Errorf("Delete: %v, left %v", err, fake.Table())
			}
		})
	}
}

func TestDDWRTForgetsLeases(t *testing.T) {
	fake := igdtest.Start(t)
	fake.Behave(igdtest.DDWRT)
	r := patientRouter(fake)
	if err := r.Add(t.Context(), wanted); err != nil {
		t.Fatal(err)
	}
	forever := wanted
	forever.ExternalPort, forever.Lease = 8884, 0
	if err := r.Add(t.Context(), forever); err != nil {
		t.Fatal(err)
	}
	// It says that the lease is whole until it is gone.
	if got, err := r.Get(t.Context(), fact.TCP, 8883); err != nil || got.Lease.Round(time.Hour) != wanted.Lease {
		t.Errorf("at once: %+v, %v", got, err)
	}
	fake.DropLeases()
	if _, err := r.Get(t.Context(), fact.TCP, 8883); !errors.Is(err, fact.ErrNoMapping) {
		t.Errorf("later: %v", err)
	}
	if _, err := r.Get(t.Context(), fact.TCP, 8884); err != nil {
		t.Errorf("the one without an end: %v", err)
	}
}

func TestFormsOfAnswers(t *testing.T) {
	for name, wire := range map[string]igdtest.Wire{
		"no type":           igdtest.Typed(""),
		"HTML":              igdtest.Typed("text/html"),
		"an image":          igdtest.Typed("image/png"),
		"a wrong charset":   igdtest.Typed("text/xml; charset=utf-16"),
		"chunked":           igdtest.Chunked,
		"HTTP/1.0":          igdtest.HTTP10,
		"UTF-8 mark":        igdtest.Marked,
		"UTF-16 LE":         igdtest.UTF16(binary.LittleEndian, true),
		"UTF-16 BE":         igdtest.UTF16(binary.BigEndian, true),
		"UTF-16 LE no mark": igdtest.UTF16(binary.LittleEndian, false),
		"UTF-16 BE no mark": igdtest.UTF16(binary.BigEndian, false),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := igdtest.Start(t)
			fake.Behave(func(b *igdtest.Behaviour) { b.Wire, b.Model = wire, "Größe 3" })
			r := patientRouter(fake)
			if got, err := r.ExternalAddress(t.Context()); err != nil || got.String() != "11.22.33.44" {
				t.Errorf("got %v, %v", got, err)
			}
			if s := r.Status().Load(); s.Model != "Größe 3" {
				t.Errorf("model %q", s.Model)
			}
			// An error is told in that form, too.
			if _, err := r.Get(t.Context(), fact.TCP, 8883); !errors.Is(err, fact.ErrNoMapping) {
				t.Errorf("Get: %v", err)
			}
			if list, more, err := r.Table(t.Context(), 10); err != nil || list != nil || more {
				t.Errorf("Table: %v, %t, %v", list, more, err)
			}
		})
	}
}

func TestNothingCompressedIsAskedFor(t *testing.T) {
	fake := igdtest.Start(t)
	asked := make(chan http.Header, 2)
	note := func(_ http.ResponseWriter, req *http.Request, _ string) bool { asked <- req.Header; return false }
	fake.Behave(func(b *igdtest.Behaviour) {
		b.Control = note
	})
	if _, err := patientRouter(fake).ExternalAddress(t.Context()); err != nil {
		t.Fatal(err)
	}
	described := igdtest.Start(t)
	described.Behave(func(b *igdtest.Behaviour) {
		b.Description = func(w http.ResponseWriter, req *http.Request) { note(w, req, ""); http.NotFound(w, req) }
	})
	_, _ = newRouter(described).ExternalAddress(t.Context())
	for range 2 {
		if h := <-asked; h.Get("Accept-Encoding") != "" {
			t.Errorf("asked for %q", h.Get("Accept-Encoding"))
		}
	}
}

func TestFormsOfReplies(t *testing.T) {
	for name, reply := range map[string]func(string) string{
		"lower case": func(s string) string {
			return strings.NewReplacer("LOCATION:", "location:", "ST:", "st:", "SERVER:", "server:", "BOOTID.UPNP.ORG:", "bootid.upnp.org:").Replace(s)
		},
		"mixed case":      func(s string) string { return strings.NewReplacer("LOCATION:", "LoCaTiOn:", "ST:", "sT:").Replace(s) },
		"no space":        func(s string) string { return strings.ReplaceAll(s, ": ", ":") },
		"much space":      func(s string) string { return strings.ReplaceAll(s, ": ", " : \t ") },
		"no carriage":     func(s string) string { return strings.ReplaceAll(s, "\r", "") },
		"no last line":    strings.TrimSpace,
		"HTTP/1.0":        func(s string) string { return strings.Replace(s, "HTTP/1.1", "HTTP/1.0", 1) },
		"another reason":  func(s string) string { return strings.Replace(s, "200 OK", "200 Okay then", 1) },
		"a line too many": func(s string) string { return strings.Replace(s, "ST:", "garbage\r\nST:", 1) },
		"a told address":  func(s string) string { return s + "goupnp-local-address: 192.168.1.66\r\n" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := igdtest.Start(t)
			fake.Behave(func(b *igdtest.Behaviour) { b.Reply = reply })
			r := patientRouter(fake)
			if _, err := r.ExternalAddress(t.Context()); err != nil {
				t.Fatal(err)
			}
			if s := r.Status().Load(); s.Local.String() != "127.0.0.1" {
				t.Errorf("our own address is %s", s.Local)
			}
			// A restart shows in every form.
			r.RecheckAlways()
			if fake.Reboot(); generationOf(t, r) != 2 {
				t.Errorf("generation %d after a new BOOTID", r.Status().Load().Generation)
			}
		})
	}
}

// generationOf makes a call, and returns the generation after it.
func generationOf(t *testing.T, r *router.Router) uint64 {
	t.Helper()
	if _, err := r.ExternalAddress(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r.Status().Load().Generation
}

// Each search target finds a router that knows no other.
func TestRoutersThatKnowOneTarget(t *testing.T) {
	const upnp, forum = "urn:schemas-upnp-org:", "urn:dslforum-org:"
	for _, only := range []string{
		upnp + "device:InternetGatewayDevice:1", upnp + "device:InternetGatewayDevice:2", forum + "device:InternetGatewayDevice:1",
		upnp + "service:WANIPConnection:1", upnp + "service:WANIPConnection:2", upnp + "service:WANPPPConnection:1",
		forum + "service:WANIPConnection:1", forum + "service:WANPPPConnection:1", "upnp:rootdevice", "ssdp:all",
	} {
		t.Run(only, func(t *testing.T) {
			fake := igdtest.Start(t)
			fake.Behave(func(b *igdtest.Behaviour) { b.AnswersTo = func(target string) bool { return target == only } })
			r := patientRouter(fake)
			if only == "upnp:rootdevice" || only == "ssdp:all" {
				r.ShortenWindow(500 * time.Millisecond) // their replies do not end a search
			}
			if g := generationOf(t, r); g != 1 {
				t.Errorf("generation %d", g)
			}
			// That one has moved is noticed by the same target.
			r.RecheckAlways()
			if g := generationOf(t, r); g != 1 {
				t.Errorf("generation %d though nothing changed", g)
			}
			if fake.Reboot(); generationOf(t, r) != 2 {
				t.Errorf("generation %d after a new BOOTID", r.Status().Load().Generation)
			}
		})
	}
}

func TestTheConnectionInUse(t *testing.T) {
	lines := func(first, second igdtest.Service) []igdtest.Service {
		first.Type, second.Type, second.Device = igdtest.WANIP1, igdtest.WANIP1, 1
		return []igdtest.Service{first, second, {Type: igdtest.ForumPPP, Device: 2, Status: "Disconnected"}}
	}
	fake := igdtest.Start(t)
	fake.Behave(func(b *igdtest.Behaviour) {
		b.Services = lines(igdtest.Service{Status: "Connected", WAN: "11.0.0.1"}, igdtest.Service{Status: "Disconnected", WAN: "11.0.0.2"})
	})
	r := patientRouter(fake)
	say := func(want string, generation uint64) {
		t.Helper()
		got, err := r.ExternalAddress(t.Context())
		if s := r.Status().Load(); err != nil || got.String() != want || s.Generation != generation {
			t.Errorf("got %v, %v in generation %d, want %s in %d", got, err, s.Generation, want, generation)
		}
	}
	say("11.0.0.1", 1)
	// Over to the second line: the first has no address, so it is noticed at
	// once.
	fake.Behave(func(b *igdtest.Behaviour) {
		b.Services = lines(igdtest.Service{Status: "Disconnected", WAN: "0.0.0.0"}, igdtest.Service{Status: "Connected", WAN: "11.0.0.2"})
	})
	say("11.0.0.2", 2)
	// And back, with a router that goes on to tell the address it had: that is
	// noticed when it is time to look.
	fake.Behave(func(b *igdtest.Behaviour) {
		b.Services = lines(igdtest.Service{Status: "Connected", WAN: "11.0.0.1"}, igdtest.Service{Status: "Disconnected", WAN: "11.0.0.2"})
	})
	say("11.0.0.2", 2)
	r.ExpireRecheck()
	say("11.0.0.1", 3)
	// Neither: the choice stays, and is not looked at with every call.
	fake.Behave(func(b *igdtest.Behaviour) {
		b.Services = lines(igdtest.Service{Status: "Disconnected", WAN: "0.0.0.0"}, igdtest.Service{Status: "Disconnected", WAN: "0.0.0.0"})
	})
	before := len(fake.Calls())
	for range 5 {
		say("none", 3)
	}
	if made := len(fake.Calls()) - before; made > 5+4 {
		t.Errorf("%d calls for five answers", made)
	}
	// Two that are connected: telephony has no public address.
	for name, other := range map[string]string{"telephony": "10.1.2.3", "carrier": "100.64.0.7", "none": "0.0.0.0", "garbage": "x"} {
		fake := igdtest.Start(t)
		fake.Behave(func(b *igdtest.Behaviour) {
			b.Services = lines(igdtest.Service{WAN: other}, igdtest.Service{WAN: "11.0.0.2"})
		})
		if got, err := patientRouter(fake).ExternalAddress(t.Context()); err != nil || got.String() != "11.0.0.2" {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}
