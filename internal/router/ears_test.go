package router

// Internal: ears and silence, whose parts are not to be seen from outside.

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/watch"
)

var (
	here  = place{gateway: netip.MustParseAddr("127.0.0.2"), local: netip.MustParseAddr("127.0.0.1"), link: 1}
	there = place{gateway: netip.MustParseAddr("127.0.0.3"), local: netip.MustParseAddr("127.0.0.1"), link: 2}
)

// An ear opens its socket anew at another place, and hears the gateway of that
// place only.
func TestEarFollowsThePlaceAndHearsTheGatewayOnly(t *testing.T) {
	sockets := make(chan *net.UDPConn, 2)
	heard := make(chan string, 10)
	reports := make(chan EventSource, 20)
	e := &ear{
		log: slog.New(slog.DiscardHandler), report: func(s EventSource) { reports <- s },
		begin: func(p place) func([]byte) {
			return func(packet []byte) { heard <- p.gateway.String() + " " + string(packet) }
		},
		listen: func(_ netip.AddrPort, local netip.Addr) (*net.UDPConn, error) {
			conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0)))
			sockets <- conn
			return conn, err
		},
	}
	at := watch.New(here, func(a, b place) bool { return a == b })
	ctx, cancel := context.WithCancel(t.Context())
	var task sync.WaitGroup
	task.Go(func() { e.run(ctx, at) })
	first := <-sockets
	send := func(to *net.UDPConn, from netip.Addr, text string) {
		t.Helper()
		conn, err := net.DialUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), to.LocalAddr().(*net.UDPAddr))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = conn.Write([]byte(text))
	}
	send(first, there.gateway, "a stranger's")
	send(first, here.gateway, "news")
	if got := <-heard; got != "127.0.0.2 news" {
		t.Errorf("heard %q", got)
	}
	at.Store(there)
	second := <-sockets
	if _, err := first.Write(nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the old socket: %v", err)
	}
	send(second, here.gateway, "the old router's")
	send(second, there.gateway, "more")
	if got := <-heard; got != "127.0.0.3 more" {
		t.Errorf("heard %q", got)
	}
	cancel()
	task.Wait()
	if got := []EventSource{<-reports, <-reports, <-reports}; !got[0].On || !got[1].On || got[2].On || got[2].Why == "" {
		t.Errorf("reported %+v", got)
	}
}

// On a bridge nothing comes, which is said; and where something carries it there
// all the same, it is heard, and that is said.
func TestEarOnABridgeSaysWhyNothingComes(t *testing.T) {
	socket := make(chan *net.UDPConn, 1)
	heard := make(chan string, 2)
	reports := make(chan EventSource, 20)
	e := &ear{
		log: slog.New(slog.DiscardHandler), report: func(s EventSource) { reports <- s },
		begin: func(place) func([]byte) { return func(packet []byte) { heard <- string(packet) } },
		listen: func(_ netip.AddrPort, local netip.Addr) (*net.UDPConn, error) {
			conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0)))
			socket <- conn
			return conn, err
		},
	}
	bridged := here
	bridged.bridged = true
	at := watch.New(bridged, func(a, b place) bool { return a == b })
	ctx, cancel := context.WithCancel(t.Context())
	var task sync.WaitGroup
	task.Go(func() { e.run(ctx, at) })
	conn := <-socket
	if s := <-reports; s.On || !strings.Contains(s.Why, "the router, 127.0.0.2, is not in a network of this host's") {
		t.Errorf("reported %+v", s)
	}
	for _, from := range []netip.Addr{there.gateway, here.gateway, here.gateway} {
		out, err := net.DialUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), conn.LocalAddr().(*net.UDPAddr))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = out.Write([]byte(from.String()))
		out.Close()
	}
	for range 2 {
		if got := <-heard; got != here.gateway.String() {
			t.Errorf("heard %q", got)
		}
	}
	cancel()
	task.Wait()
	if got := []EventSource{<-reports, <-reports}; !got[0].On || got[0].Why != "" || got[1].On || len(reports) != 0 {
		t.Errorf("reported %+v and %d more", got, len(reports))
	}
}

// A port that cannot be had is said, and tried again.
func TestEarThatCannotListenGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		taken := errors.New("the port is taken")
		tries := 0
		var said EventSource
		e := &ear{
			log: slog.New(slog.DiscardHandler), report: func(s EventSource) { said = s },
			listen: func(netip.AddrPort, netip.Addr) (*net.UDPConn, error) { tries++; return nil, taken },
		}
		ctx, cancel := context.WithCancel(t.Context())
		at := watch.New(place{}, func(a, b place) bool { return a == b })
		var task sync.WaitGroup
		task.Go(func() { e.run(ctx, at) })
		synctest.Wait()
		if tries != 0 || said.On || said.Why == "" {
			t.Errorf("without a router: %d tries, %+v", tries, said)
		}
		at.Store(here)
		time.Sleep(10*time.Minute + time.Second)
		synctest.Wait()
		if tries != 11 || said.On || said.Why != taken.Error() {
			t.Errorf("%d tries in ten minutes, %+v", tries, said)
		}
		cancel()
		task.Wait()
	})
}

// What the router answered before anything was listened to is its epoch still;
// at another place it is another router's.
func TestTheFirstPlaceForgetsNoEpoch(t *testing.T) {
	r := New(Config{Gateway: func() (netip.Addr, error) { return netip.MustParseAddr("192.168.77.1"), nil }})
	announcements := r.ears()[0]
	for _, restarts := range []uint64{1, 0} {
		r.noteEpoch(kindNATPMP, 1000, false)
		before := r.Status().Load().Generation
		announcements.begin(place{})
		r.noteEpoch(kindNATPMP, 0, false)
		if got := r.Status().Load().Generation - before; got != restarts {
			t.Errorf("%d restarts were seen, want %d", got, restarts)
		}
	}
}

func TestSilenceGrowsToAnHour(t *testing.T) {
	var s silence
	to := hearing{gateway: here.gateway, generation: 1}
	now, why := time.Now(), errors.New("nothing came")
	asked := 0
	for end := now.Add(24 * time.Hour); now.Before(end); now = now.Add(5 * time.Second) {
		if s.refuse("PCP", to, now) == nil {
			asked++
			s.failed(now, why, false)
		}
	}
	if asked < 24 || asked > 35 {
		t.Errorf("asked %d times in a day", asked)
	}
	if err := s.refuse("PCP", to, now); !errors.Is(err, ErrSilent) || !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
	for name, other := range map[string]hearing{
		"a hint": {here.gateway, 1, 1}, "a new generation": {here.gateway, 2, 0}, "another gateway": {there.gateway, 1, 0},
	} {
		again := s
		if err := again.refuse("PCP", other, now); err != nil || again.tries != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A router whose clock stands still, or is drawn by lot, restarts with every
// answer as it seems: after a few that is no sign any more, until its clock
// goes.
func TestAClockThatStandsStillIsNotBelieved(t *testing.T) {
	for _, kind := range []string{kindPCP, kindNATPMP, byPCP6.kind} {
		now, e, told := time.Now(), new(epoch), 0
		for range 100 {
			if e.restarted(kind, 0, false, now, time.Time{}) {
				told++
			}
			now = now.Add(time.Minute)
		}
		if told != oddEpochs-1 {
			t.Errorf("%s: %d restarts told", kind, told)
		}
		// It is announced all the same.
		if !e.restarted(kind, 0, true, now, time.Time{}) {
			t.Errorf("%s: an announcement is passed over", kind)
		}
		for server := range uint32(3) {
			now = now.Add(time.Second)
			if e.restarted(kind, 1000+server, false, now, time.Time{}) && server > 0 {
				t.Errorf("%s: a clock that goes is taken for a restart", kind)
			}
		}
		if !e.restarted(kind, 1, false, now.Add(time.Second), time.Time{}) {
			t.Errorf("%s: the restart after it is not told", kind)
		}
	}
}

// One that has answered before restarts, and is asked every 15 s: its return
// may not be heard.
func TestSilenceOfARouterThatHasAnsweredIsShort(t *testing.T) {
	var s silence
	to := hearing{gateway: here.gateway, generation: 1}
	now, why := time.Now(), errors.New("nothing came")
	hour := func() (asked int) {
		for end := now.Add(time.Hour); now.Before(end); now = now.Add(5 * time.Second) {
			if s.refuse("PCP", to, now) == nil {
				asked++
				s.failed(now, why, false)
			}
		}
		return asked
	}
	_ = s.refuse("PCP", to, now)
	s.answered()
	if asked := hour(); asked < 239 || asked > 242 {
		t.Errorf("asked %d times in an hour", asked)
	}
	to.hints++
	if asked := hour(); asked < 239 || asked > 242 {
		t.Errorf("asked %d times in an hour after a hint", asked)
	}
	// It says that it does not speak it, or it is another router.
	s.failed(now, why, true)
	if asked := hour(); asked > 8 {
		t.Errorf("asked %d times in an hour though it does not speak it", asked)
	}
	s.answered()
	to.gateway = there.gateway
	if asked := hour(); asked > 9 {
		t.Errorf("another router was asked %d times in an hour", asked)
	}
}

func TestSuspicionsThatFloodAreFewSearches(t *testing.T) {
	rate := throttle{least: suspicionGap, refill: suspicionRefill, burst: suspicionBurst}
	now := time.Now()
	searches := 0
	for range 3600 * 10 {
		if rate.wait(now) == 0 {
			rate.took(now)
			searches++
		}
		now = now.Add(100 * time.Millisecond)
	}
	if searches < 60 || searches > 70 {
		t.Errorf("%d searches in an hour of suspicions", searches)
	}
}

func TestAFailedSearchIsRememberedLongerWhileRunRuns(t *testing.T) {
	r := New(Config{Gateway: func() (netip.Addr, error) { return here.gateway, nil }})
	for inARow, want := range map[int][2]time.Duration{
		1: {5 * time.Second, 5 * time.Second}, 2: {5 * time.Second, 10 * time.Second}, 4: {5 * time.Second, 40 * time.Second},
		5: {5 * time.Second, time.Minute}, 1000: {5 * time.Second, time.Minute},
	} {
		r.miss.inARow = inARow
		r.running.Store(false)
		alone := r.remember()
		r.running.Store(true)
		if got := r.remember(); alone != want[0] || got != want[1] {
			t.Errorf("%d in a row: %v, with Run %v", inARow, alone, got)
		}
	}
}

func TestASuspicionIsSettledByASearchThatFoundWhatItSays(t *testing.T) {
	const old, now = "http://192.168.1.1:5000/d.xml", "http://192.168.1.1:6000/d.xml"
	r := New(Config{Gateway: func() (netip.Addr, error) { return netip.Addr{}, errors.New("unknown") }})
	began := time.Now()
	r.note(found{location: old, bootID: "1", began: began})
	for name, c := range map[string]struct {
		s     suspicion
		where found // by the time that Run comes to it
		holds bool
	}{
		"nothing was found since":      {suspicion{}, found{location: old, bootID: "1", began: began}, true},
		"it was searched since":        {suspicion{}, found{location: old, bootID: "1", began: began.Add(time.Hour)}, false},
		"it is as was said":            {suspicion{location: now, bootID: "2"}, found{location: now, bootID: "2", began: began}, false},
		"it is not as was said":        {suspicion{location: now, bootID: "2"}, found{location: old, bootID: "1", began: began}, true},
		"back, and nobody looked":      {suspicion{location: old, bootID: "1", certain: true}, found{location: old, bootID: "1", began: began}, true},
		"back, found in another boot":  {suspicion{location: old, bootID: "2", certain: true}, found{location: old, bootID: "2", began: began}, false},
		"an epoch, nobody looked":      {suspicion{notBefore: began}, found{location: now, bootID: "2", began: began}, true},
		"an epoch, searched since now": {suspicion{notBefore: began}, found{location: now, bootID: "2", began: began.Add(time.Hour)}, false},
	} {
		r.suspicion = nil
		r.known = found{location: old, bootID: "1", began: began}
		r.suspect(c.s)
		if got := r.pending().holds(c.where); got != c.holds {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// What a Router is bounded by unless a test says otherwise.
func TestDefaultBounds(t *testing.T) {
	r := New(Config{Gateway: func() (netip.Addr, error) { return here.gateway, nil }})
	if r.cfg.Spacing != 200*time.Millisecond || r.pace.Gap != r.cfg.Spacing || r.cfg.Timeout != 5*time.Second || r.timing.cycle != 20*time.Second {
		t.Errorf("calls are %v apart and last %v, a search %v", r.pace.Gap, r.cfg.Timeout, r.timing.cycle)
	}
	if maxTried > 16 || maxDatagram != 2049 {
		t.Errorf("%d places are tried, %d octets of a datagram are read", maxTried, maxDatagram)
	}
}
