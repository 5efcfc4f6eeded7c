package dnsserver_test

// What is bound follows the config and the host's addresses.

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/fact"
)

// nobodys is an address that no host of a test has (RFC 5737).
var nobodys = netip.MustParseAddrPort("198.51.100.99:0")

// eventually waits until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patient); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s does not come to be", what)
		}
	}
}

func local(port uint16, last byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, last}), port)
}

// free returns a port that is free on every loopback address just now.
func free(t testing.TB) uint16 {
	t.Helper()
	packets, stream := pair(t)
	packets.Close()
	stream.Close()
	return uint16(stream.Addr().(*net.TCPAddr).Port)
}

func answers(t testing.TB, addr netip.AddrPort) {
	t.Helper()
	for _, network := range []string{"udp", "tcp"} {
		var m *dns.Msg
		var err error
		// As a stub resolver does: a datagram may be lost, two or three are not.
		for try := range 3 {
			client := &dns.Client{Net: network, Timeout: patient / 10}
			if m, _, err = client.Exchange(question("mqtt.example.org."), addr.String()); err == nil {
				break
			}
			t.Logf("try %d: %v", try, err)
		}
		if err != nil || len(m.Answer) != 1 {
			t.Fatalf("%s over %s: %v, %v", addr, network, m, err)
		}
	}
}

func TestAddressThatIsNotHereYetIsWaitedFor(t *testing.T) {
	h := start(t, silent(t), func(c *dnsserver.Config) { c.Listen = append(c.Listen, nobodys) })
	answers(t, h.Status().Listen[0])
	st := h.Status()
	if len(st.Listen) != 1 || len(st.Waiting) != 1 || st.Waiting[0].Address != nobodys || !st.Waiting[0].Absent ||
		!strings.Contains(st.Waiting[0].Reason, "does not have that address") {
		t.Errorf("status is %v, %+v", st.Listen, st.Waiting)
	}
	if st.DNS.Verdict != fact.VerdictWarn || !strings.Contains(st.DNS.Summary, nobodys.String()) || st.DNS.Action == "" || len(st.DNS.Evidence) == 0 {
		t.Errorf("link is %+v", st.DNS)
	}
}

func TestServerWithoutAnyAddressRunsAndWaits(t *testing.T) {
	h := start(t, silent(t), func(c *dnsserver.Config) { c.Listen = []netip.AddrPort{nobodys} })
	st := h.Status()
	if len(st.Listen) != 0 || len(st.Waiting) != 1 || st.DNS.Verdict != fact.VerdictFail || !strings.Contains(st.DNS.Summary, "waits for "+nobodys.String()) {
		t.Errorf("status is %v, %+v, %+v", st.Listen, st.Waiting, st.DNS)
	}
}

func TestTakenPortStopsTheStartAlthoughAnotherAddressIsWaitedFor(t *testing.T) {
	taken := netip.MustParseAddrPort(start(t, silent(t), nil).addr)
	s, _ := build(t, silent(t), func(c *dnsserver.Config) { c.Listen = []netip.AddrPort{nobodys, taken} })
	var bind *dnsserver.BindError
	if err := s.Listen(); !errors.As(err, &bind) || bind.Address != taken {
		t.Errorf("Listen = %v", err)
	}
}

func TestHostWithoutIPv6IsNotAFault(t *testing.T) {
	h := startWith(t, silent(t), func(c *dnsserver.Config) { c.Listen = dnsserver.Every(0) }, func(s *dnsserver.Server) {
		s.FailBinding(func(addr netip.AddrPort) error {
			if addr.Addr().Is6() {
				return syscall.EAFNOSUPPORT
			}
			return nil
		})
	})
	st := h.Status()
	if len(st.Listen) != 1 || len(st.Waiting) != 0 || len(st.DNS.Evidence) != 1 { // that of the upstream
		t.Errorf("status is %v, %+v, %+v", st.Listen, st.Waiting, st.DNS)
	}
	h.addr = local(st.Listen[0].Port(), 1).String()
	h.ask("mqtt.example.org.", dns.TypeA)
}

// hosts is a host whose addresses a test decides on.
type hosts struct{ list atomic.Pointer[[]netip.Addr] }

func (h *hosts) set(list ...netip.Addr) { h.list.Store(&list) }

func (h *hosts) prepare(s *dnsserver.Server) {
	s.SetAddresses(10*time.Millisecond, func() ([]netip.Addr, error) {
		if list := h.list.Load(); list != nil {
			return *list, nil
		}
		return nil, errors.New("nobody knows")
	})
}

func TestVanishedAddressIsClosedAndBoundWhenItIsBack(t *testing.T) {
	port, host := free(t), new(hosts)
	stays, goes := local(port, 1), local(port, 2)
	host.set(stays.Addr(), goes.Addr())
	h := startWith(t, silent(t), func(c *dnsserver.Config) { c.Listen = []netip.AddrPort{goes, stays} }, host.prepare)
	answers(t, goes)
	held := dial(t, stays.String())
	talk(t, held)
	conn := connected(t, stays)

	host.set(stays.Addr())
	eventually(t, "closing", func() bool { return slices.Equal(h.Status().Listen, []netip.AddrPort{stays}) })
	// It is free for others, and the address that stays is untouched.
	other, err := net.ListenPacket("udp4", goes.String())
	if err != nil {
		t.Fatalf("the socket is still open: %v", err)
	}
	talk(t, held)
	if _, err := conn.Write(pack(t, question("mqtt.example.org."))); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 512)); err != nil {
		t.Errorf("the other address: %v", err)
	}

	// Back, but somebody else holds the port: tried again, and said.
	host.set(stays.Addr(), goes.Addr())
	eventually(t, "saying that the port is taken", func() bool {
		w := h.Status().Waiting
		return len(w) == 1 && !w[0].Absent && strings.Contains(w[0].Reason, "another program holds the port")
	})
	other.Close()
	eventually(t, "binding again", func() bool { return slices.Equal(h.Status().Listen, []netip.AddrPort{goes, stays}) })
	answers(t, goes)
	talk(t, held)
	if w := h.Status().Waiting; len(w) != 0 {
		t.Errorf("still waiting are %v", w)
	}
}

func TestAddressesThatCannotBeListedAreNotTakenForGone(t *testing.T) {
	addr := local(free(t), 1)
	var looks atomic.Int32
	h := startWith(t, silent(t), func(c *dnsserver.Config) { c.Listen = []netip.AddrPort{addr} }, func(s *dnsserver.Server) {
		s.SetAddresses(time.Millisecond, func() ([]netip.Addr, error) {
			if looks.Add(1) == 1 {
				return []netip.Addr{addr.Addr()}, nil
			}
			return nil, errors.New("nobody knows")
		})
	})
	eventually(t, "looking again", func() bool { return looks.Load() > 5 })
	if st := h.Status(); len(st.Listen) != 1 {
		t.Errorf("bound are %v", st.Listen)
	}
	answers(t, addr)
}

func TestReconfigureChangesTheAddresses(t *testing.T) {
	port := free(t)
	a, b, c := local(port, 1), local(port, 2), local(port, 3)
	var cfg dnsserver.Config
	h := start(t, silent(t), func(c *dnsserver.Config) {
		c.Listen = []netip.AddrPort{a, b}
		cfg = *c
	})
	held := dial(t, b.String())
	talk(t, held)
	flood, ended := make(chan struct{}), make(chan error, 1)
	conn := connected(t, b)
	go func() { // no question to the address that stays is lost meanwhile
		packet, reply := pack(t, question("mqtt.example.org.")), make([]byte, 512)
		for {
			select {
			case <-flood:
				ended <- nil
				return
			default:
			}
			if _, err := conn.Write(packet); err != nil {
				ended <- err
				return
			}
			if _, err := conn.Read(reply); err != nil {
				ended <- err
				return
			}
		}
	}()
	for range 10 {
		cfg.Listen = []netip.AddrPort{b, c, nobodys}
		if err := h.Reconfigure(cfg); err != nil {
			t.Fatal(err)
		}
		answers(t, c)
		if st := h.Status(); !slices.Equal(st.Listen, []netip.AddrPort{b, c}) || len(st.Waiting) != 1 {
			t.Fatalf("bound are %v, waiting %v", st.Listen, st.Waiting)
		}
		cfg.Listen = []netip.AddrPort{a, b}
		if err := h.Reconfigure(cfg); err != nil {
			t.Fatal(err)
		}
		answers(t, a)
	}
	close(flood)
	if err := <-ended; err != nil {
		t.Errorf("the address that stays: %v", err)
	}
	talk(t, held)
}

func TestReconfigureToATakenPortChangesNothing(t *testing.T) {
	port := free(t)
	a, every := local(port, 1), netip.AddrPortFrom(netip.IPv4Unspecified(), port)
	var cfg dnsserver.Config
	h := start(t, silent(t), func(c *dnsserver.Config) {
		c.Listen = []netip.AddrPort{every}
		cfg = *c
	})
	// From every address to one: the old socket is in the way of the new one.
	cfg.Listen = []netip.AddrPort{a}
	if err := h.Reconfigure(cfg); err != nil {
		t.Fatal(err)
	}
	answers(t, a)
	// And back, where somebody else has taken another address meanwhile.
	other, err := net.ListenPacket("udp4", local(port, 7).String())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	bad := cfg
	bad.Listen = []netip.AddrPort{every}
	bad.RateLimit = 1
	var bind *dnsserver.BindError
	if err := h.Reconfigure(bad); !errors.As(err, &bind) || bind.Address != every {
		t.Errorf("Reconfigure = %v", err)
	}
	if st := h.Status(); !slices.Equal(st.Listen, []netip.AddrPort{a}) || len(st.Waiting) != 0 {
		t.Errorf("bound are %v, waiting %v", st.Listen, st.Waiting)
	}
	answers(t, a)
}

func TestReconfigureBeforeListenAndAfterRun(t *testing.T) {
	var cfg dnsserver.Config
	s, _ := build(t, silent(t), func(c *dnsserver.Config) { cfg = *c })
	cfg.Listen = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.2:0")}
	if err := s.Reconfigure(cfg); err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	if st := s.Status(); len(st.Listen) != 1 || st.Listen[0].Addr() != cfg.Listen[0].Addr() {
		t.Errorf("bound are %v", st.Listen)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.Reconfigure(cfg); err != nil || len(s.Status().Listen) != 0 {
		t.Errorf("after Run: %v, %v", err, s.Status().Listen)
	}
}

// Where somebody tells of moves, nobody else looks, but while an address is
// waited for.
func TestAddressesAreLookedAtWhenTold(t *testing.T) {
	port, host, moved := free(t), new(hosts), make(chan struct{}, 1)
	stays, goes := local(port, 1), local(port, 2)
	host.set(stays.Addr(), goes.Addr())
	var looks atomic.Int32
	h := startWith(t, silent(t), func(c *dnsserver.Config) { c.Listen, c.Moved = []netip.AddrPort{goes, stays}, moved }, func(s *dnsserver.Server) {
		s.SetAddresses(time.Millisecond, func() ([]netip.Addr, error) {
			looks.Add(1)
			return *host.list.Load(), nil
		})
	})
	answers(t, goes)
	host.set(stays.Addr())
	before := looks.Load()
	for range 20 {
		answers(t, stays)
	}
	if n := looks.Load() - before; n > 0 || len(h.Status().Listen) != 2 {
		t.Errorf("%d looks that nobody asked for; bound are %v", n, h.Status().Listen)
	}
	moved <- struct{}{}
	eventually(t, "closing", func() bool { return slices.Equal(h.Status().Listen, []netip.AddrPort{stays}) })
	host.set(stays.Addr(), goes.Addr()) // and nobody tells
	eventually(t, "binding again", func() bool { return slices.Equal(h.Status().Listen, []netip.AddrPort{goes, stays}) })
	answers(t, goes)
}

// A change of what is bound, and the first question after each look at the
// status, are told; that nothing happens is not.
func TestChangesOfTheLinksAreTold(t *testing.T) {
	port, host, moved := free(t), new(hosts), make(chan struct{}, 1)
	stays, goes := local(port, 1), local(port, 2)
	host.set(stays.Addr(), goes.Addr())
	var changes atomic.Int32
	h := startWith(t, silent(t), func(c *dnsserver.Config) {
		c.Listen, c.Moved, c.Changed = []netip.AddrPort{goes, stays}, moved, func() { changes.Add(1) }
	}, host.prepare)
	answers(t, stays)
	for range 3 {
		h.Status()
		before := changes.Load()
		answers(t, stays)
		answers(t, stays)
		if n := changes.Load() - before; n != 1 {
			t.Errorf("the first of four questions was told %d times, want once", n)
		}
	}
	before := changes.Load()
	host.set(stays.Addr())
	moved <- struct{}{}
	eventually(t, "telling that an address is closed", func() bool { return changes.Load() > before })
	if list := h.Status().Listen; !slices.Equal(list, []netip.AddrPort{stays}) {
		t.Errorf("bound are %v", list)
	}
}

// When a device that asks no more is no longer counted, nobody tells.
func TestTheLinkOfTheClientsSaysUntilWhen(t *testing.T) {
	s, _ := build(t, silent(t), nil)
	if until := s.Status().Until; !until.IsZero() {
		t.Errorf("before anybody asked it says until %v", until)
	}
	s.Ask(t.Context(), pack(t, question("mqtt.example.org.")), netip.MustParseAddr("192.168.1.9"))
	s.Ask(t.Context(), pack(t, question("mqtt.example.org.")), netip.MustParseAddr("192.168.1.8"))
	st := s.Status()
	if len(st.Clients) != 2 || st.ClientsLink.Verdict != fact.VerdictPass || !st.Until.Equal(st.Clients[1].LastAt.Add(time.Hour)) {
		t.Errorf("of %+v it says %v until %v", st.Clients, st.ClientsLink.Verdict, st.Until)
	}
}
