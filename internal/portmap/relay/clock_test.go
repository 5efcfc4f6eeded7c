package relay_test

// How long things may last, in fake time.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/portmap/relay"
)

// inMemory runs a relay in a bubble of fake time, and test beside it.
func inMemory(t *testing.T, cfg relay.Config, test func(t *testing.T, m *memNet, r *relay.Relay, log *bytes.Buffer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m, log := newMemNet(), new(bytes.Buffer)
		cfg.Listen, cfg.Target = m.listen, m.target
		cfg.Bind, cfg.Dial = m.bind, m.dial
		cfg.Log = slog.New(slog.NewTextHandler(log, nil))
		r, err := relay.Listen(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		synctest.Wait()
		test(t, m, r, log)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the relay ended with %v", err)
		}
		if c := r.Counters(); c.Open != 0 {
			t.Errorf("%d connections are open after the end", c.Open)
		}
	})
}

// lasts returns how long it takes until a read from c ends, and how.
func lasts(c io.Reader) (time.Duration, error) {
	began := time.Now()
	_, err := c.Read(make([]byte, 1))
	return time.Since(began), err
}

func TestSilentConnectionsEnd(t *testing.T) {
	const client = "11.22.33.1:5000"
	for _, c := range []struct {
		name string
		idle time.Duration
		do   func(client, service *memConn)
		want time.Duration
	}{
		{"nothing ever came", 0, func(_, _ *memConn) {}, time.Minute},
		{"the client spoke", 0, func(client, _ *memConn) { client.Write([]byte("x")) }, time.Hour},
		{"the service spoke", 0, func(_, service *memConn) { service.Write([]byte("x")) }, time.Hour},
		{"half closed after a word", 0, func(client, _ *memConn) { client.Write([]byte("x")); client.CloseWrite() }, 5 * time.Minute},
		{"half closed by the service", 0, func(_, service *memConn) { service.Write([]byte("x")); service.CloseWrite() }, 5 * time.Minute},
		{"an idle time of its own", 7 * time.Minute, func(client, _ *memConn) { client.Write([]byte("x")) }, 7 * time.Minute},
		{"shorter than the first octet's", 10 * time.Second, func(_, _ *memConn) {}, 10 * time.Second},
		{"shorter than the half-closed", 2 * time.Minute, func(client, _ *memConn) { client.CloseWrite() }, 2 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			inMemory(t, relay.Config{Idle: c.idle}, func(t *testing.T, m *memNet, r *relay.Relay, _ *bytes.Buffer) {
				client := m.connect(client)
				service := <-m.services
				c.do(client, service)
				synctest.Wait()
				time.Sleep(time.Nanosecond) // a time is never 0
				began := time.Now()
				for r.Counters().Open > 0 && time.Since(began) < 2*time.Hour {
					time.Sleep(time.Second)
					synctest.Wait()
				}
				if got := time.Since(began); got != c.want {
					t.Errorf("it lasted %v, not %v", got, c.want)
				}
			})
		})
	}
}

// A byte in either direction is life for both.
func TestOneDirectionKeepsBothAlive(t *testing.T) {
	inMemory(t, relay.Config{}, func(t *testing.T, m *memNet, r *relay.Relay, _ *bytes.Buffer) {
		client := m.connect("11.22.33.1:5000")
		service := <-m.services
		for range 10 {
			service.Write([]byte("x"))
			time.Sleep(59 * time.Minute)
			synctest.Wait()
			if took, err := lasts(client); err != nil || took != 0 {
				t.Fatalf("%v after %v", err, took)
			}
		}
		if took, err := lasts(client); took != time.Minute || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("it ended after %v with %v", took, err)
		}
	})
}

// A half-closed connection in use lives on.
func TestHalfClosedInUseLivesOn(t *testing.T) {
	inMemory(t, relay.Config{}, func(t *testing.T, m *memNet, r *relay.Relay, _ *bytes.Buffer) {
		client := m.connect("11.22.33.1:5000")
		service := <-m.services
		client.CloseWrite()
		for range 30 {
			time.Sleep(4 * time.Minute)
			service.Write([]byte("x"))
			if took, err := lasts(client); err != nil || took != 0 {
				t.Fatalf("%v after %v", err, took)
			}
		}
		service.CloseWrite()
		if _, err := lasts(client); err != io.EOF {
			t.Errorf("its end came as %v", err)
		}
	})
}

// A peer that does not read does not hold its connection for the whole idle
// time, however much the other direction carries.
func TestStuckConnectionsEnd(t *testing.T) {
	inMemory(t, relay.Config{}, func(t *testing.T, m *memNet, r *relay.Relay, _ *bytes.Buffer) {
		client := m.connect("11.22.33.1:5000")
		service := <-m.services
		began := time.Now()
		go func() { // more than the way holds, to a client that never reads
			for {
				if _, err := service.Write(make([]byte, 1<<10)); err != nil {
					return
				}
			}
		}()
		for r.Counters().Open > 0 && time.Since(began) < time.Hour {
			client.Write([]byte("x"))
			go service.Read(make([]byte, 1))
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if took := time.Since(began); took < 5*time.Minute || took > 5*time.Minute+time.Second {
			t.Errorf("it lasted %v", took)
		}
	})
}

func TestDeadServiceIsGivenUp(t *testing.T) {
	inMemory(t, relay.Config{MaxPerSource: 256}, func(t *testing.T, m *memNet, r *relay.Relay, log *bytes.Buffer) {
		dialing := 0
		m.dialing = func(ctx context.Context) error {
			dialing++ // one at a time: the listener waits below
			<-ctx.Done()
			return ctx.Err()
		}
		var clients []*memConn
		for range 300 {
			clients = append(clients, m.connect("11.22.33.1:5000"))
			synctest.Wait()
		}
		if c := r.Counters(); c.Open != 256 || c.Refused != 44 || dialing != 256 {
			t.Errorf("%+v with %d dials", c, dialing)
		}
		if took, err := lasts(clients[0]); took != 5*time.Second || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the client was left after %v with %v", took, err)
		}
		synctest.Wait()
		want := relay.Counters{Refused: 44, Failed: 256, LastError: "the service does not answer at 192.168.77.11:8883 within 5s: its host is off, or a firewall is in between"}
		if c := r.Counters(); c != want {
			t.Errorf("%+v", c)
		}
		// It comes to life.
		m.dialing = nil
		m.connect("11.22.33.1:5001")
		synctest.Wait()
		if c := r.Counters(); c.Open != 1 || c.Total != 1 || c.LastError != "" {
			t.Errorf("%+v", c)
		}
		if !strings.Contains(log.String(), "the relay reaches the service again") {
			t.Errorf("the log does not say so:\n%s", log)
		}
	})
}

func TestRefusingServiceIsSaidOnceAMinute(t *testing.T) {
	inMemory(t, relay.Config{}, func(t *testing.T, m *memNet, r *relay.Relay, log *bytes.Buffer) {
		m.dialing = func(context.Context) error { return fmt.Errorf("dial: %w", syscall.ECONNREFUSED) }
		const attempts = 10 * 60 * 5
		for range attempts { // five minutes
			m.connect("11.22.33.1:5000")
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		if c := r.Counters(); c.Failed != attempts || !strings.Contains(c.LastError, "does not take connections at 192.168.77.11:8883") {
			t.Errorf("%+v", c)
		}
		wantCounted(t, log.String(), "does not reach the service", 5, 6, attempts-600)
	})
}

func TestTurningAwayIsSaidOnceAMinute(t *testing.T) {
	inMemory(t, relay.Config{MaxPerSource: 2}, func(t *testing.T, m *memNet, r *relay.Relay, log *bytes.Buffer) {
		for _, port := range []string{"1", "2"} {
			m.connect("[2001:db8:1:2::1]:" + port).Write([]byte("x"))
		}
		synctest.Wait()
		for range 1000 {
			c := m.connect("[2001:db8:1:2:ffff::9]:3") // of the same /64
			if took, err := lasts(c); took != 0 || !errors.Is(err, syscall.ECONNRESET) {
				t.Fatalf("it was left after %v with %v", took, err)
			}
		}
		m.connect("[2001:db8:1:3::1]:4") // of another
		synctest.Wait()
		if c := r.Counters(); c.Refused != 1000 || c.Open != 3 {
			t.Errorf("%+v", c)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		wantCounted(t, log.String(), "turned connections away", 2, 2, 1000)
	})
}

// wantCounted checks that the log has as many lines with text as it should, and
// that their counts come to at least the number.
func wantCounted(t *testing.T, log, text string, least, most int, count int) {
	t.Helper()
	lines, sum := 0, 0
	for line := range strings.Lines(log) {
		if _, rest, ok := strings.Cut(line, " count="); ok && strings.Contains(line, text) {
			var n int
			fmt.Sscan(rest, &n)
			lines++
			sum += n
		}
	}
	if lines < least || lines > most || sum < count {
		t.Errorf("%d lines with a sum of %d:\n%s", lines, sum, log)
	}
}

// Out of file descriptors: the relay waits, and is there afterwards.
func TestFailuresToAcceptEndNothing(t *testing.T) {
	inMemory(t, relay.Config{}, func(t *testing.T, m *memNet, r *relay.Relay, log *bytes.Buffer) {
		began := time.Now()
		const failures = 600
		for range failures {
			m.accept <- fmt.Errorf("accept4: %w", syscall.EMFILE)
		}
		m.connect("11.22.33.1:5000").Write([]byte("x"))
		synctest.Wait()
		if took := time.Since(began); took < 9*time.Minute {
			t.Errorf("%d failures took %v: it does not wait between them", failures, took)
		}
		if c := r.Counters(); c.Open != 1 {
			t.Errorf("%+v", c)
		}
		wantCounted(t, log.String(), "cannot accept", 9, 12, failures-60)
	})
}
