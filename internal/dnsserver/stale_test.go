package dnsserver_test

// What happens when, to the instant: answers past their time, failures, and
// fetching before the time is over.

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/dnsserver/wire"
	"github.com/edgeguard/edgeguard/internal/fact"
)

const (
	www    = "www.example.net. 60 IN A 11.22.33.44"
	wwwNew = "www.example.net. 60 IN A 55.66.77.88"
	old    = "11.22.33.44"
	fresh  = "55.66.77.88"
)

func TestStaleAnswerGoesOutAfter1800ms(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		l.up.says(t, 0, 0, www)
		l.want("first", old, 60, 0, 0)
		l.sleep(60 * time.Second)
		l.up.says(t, 3*time.Second, 0, wwwNew)
		l.want("while upstream is slow", old, 30, 3, 1800*time.Millisecond)
		l.want("and others do not wait again", old, 30, 3, 0)
		if n := l.up.asked.Load(); n != 2 {
			t.Errorf("upstream was asked %d times, want 2", n)
		}
		l.sleep(1200 * time.Millisecond) // the exchange went on
		l.want("once the exchange is done", fresh, 60, 0, 0)
		if st := l.Status(); st.Queries.Stale != 2 || st.Cache.StaleAnswers != 2 || st.Queries.Cached != 1 || st.Queries.Forwarded != 1 || l.up.asked.Load() != 2 {
			t.Errorf("counts are %+v %+v", st.Queries, st.Cache)
		}
	})
}

func TestAnswerWithin1800msIsNotStale(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		l.up.says(t, 0, 0, www)
		l.want("first", old, 60, 0, 0)
		l.sleep(60 * time.Second)
		l.up.says(t, 1700*time.Millisecond, 0, wwwNew)
		l.want("upstream is in time", fresh, 60, 0, 1700*time.Millisecond)
	})
}

func TestUpstreamFailureGivesTheStaleAnswerAtOnce(t *testing.T) {
	for name, fail := range map[string]func(*lab){
		"error":    func(l *lab) { l.up.fails(100 * time.Millisecond) },
		"SERVFAIL": func(l *lab) { l.up.says(t, 100*time.Millisecond, dns.RcodeServerFailure) },
		"REFUSED":  func(l *lab) { l.up.says(t, 100*time.Millisecond, dns.RcodeRefused) },
	} {
		t.Run(name, func(t *testing.T) {
			inLab(t, nil, func(l *lab) {
				l.up.says(t, 0, 0, www)
				l.want("first", old, 60, 0, 0)
				l.sleep(time.Hour)
				fail(l)
				l.want("at the failure", old, 30, 3, 100*time.Millisecond)
				l.sleep(4900 * time.Millisecond)
				l.want("within 5 s of it", old, 30, 3, 0)
				if n := l.up.asked.Load(); n != 2 {
					t.Errorf("upstream was asked %d times, want 2", n)
				}
				l.sleep(100 * time.Millisecond)
				l.want("5 s later it is asked again", old, 30, 3, 100*time.Millisecond)
				if n := l.up.asked.Load(); n != 3 {
					t.Errorf("upstream was asked %d times, want 3", n)
				}
				l.sleep(5 * time.Second)
				l.up.says(t, 0, 0, wwwNew)
				l.want("upstream is back", fresh, 60, 0, 0)
			})
		})
	}
}

func TestAnyGoodAnswerReplacesTheStaleOne(t *testing.T) {
	for name, c := range map[string]struct {
		rcode   int
		records []string
	}{
		"NXDOMAIN": {dns.RcodeNameError, []string{"net. 900 IN SOA ns.net. x.net. 1 2 3 4 300"}}, "NXDOMAIN without SOA": {dns.RcodeNameError, nil},
		"NODATA": {0, []string{"net. 900 IN SOA ns.net. x.net. 1 2 3 4 300"}}, "NODATA without SOA": {0, nil}, "not to be kept": {0, []string{"www.example.net. 0 IN A 55.66.77.88"}},
	} {
		t.Run(name, func(t *testing.T) {
			inLab(t, nil, func(l *lab) {
				l.up.says(t, 0, 0, www)
				l.want("first", old, 60, 0, 0)
				l.sleep(time.Hour)
				l.up.says(t, 0, c.rcode, c.records...)
				for _, when := range []string{"when it comes", "and later"} {
					if m, _ := l.get("www.example.net."); m.Rcode != c.rcode || ede(m) != 0 || len(m.Answer) > 0 && m.Answer[0].Header().Ttl != 0 {
						t.Errorf("%s: %v", when, m)
					}
				}
				l.sleep(time.Hour)
				l.up.fails(0)
				if m, _ := l.get("www.example.net."); len(addresses(m.Answer)) != 0 {
					t.Errorf("what was replaced is back: %v", m)
				}
			})
		})
	}
}

func TestStaleDenialSaysSo(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		l.up.says(t, 0, dns.RcodeNameError, "net. 900 IN SOA ns.net. x.net. 1 2 3 4 300")
		l.get("www.example.net.")
		l.sleep(time.Hour)
		l.up.fails(0)
		if m, _ := l.get("www.example.net."); m.Rcode != dns.RcodeNameError || ede(m) != 19 || m.Ns[0].Header().Ttl != 30 {
			t.Errorf("got %v", m)
		}
	})
}

func TestWhileAllUpstreamsAreDeadNobodyWaits(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		l.up.says(t, 0, 0, www)
		l.want("first", old, 60, 0, 0)
		l.sleep(time.Minute)
		l.up.health.Store(int32(fact.VerdictFail))
		l.up.fails(5 * time.Second)
		l.want("the pool knows before we ask", old, 30, 3, 0)
		for range 100 {
			l.sleep(time.Second)
			l.want("in the outage", old, 30, 3, 0)
		}
		// Each try takes 5 s, and 5 s must pass before the next.
		if n := l.up.asked.Load(); n < 10 || n > 12 {
			t.Errorf("upstream was asked %d times in 100 s", n)
		}
		l.up.health.Store(int32(fact.VerdictPass))
		l.up.says(t, 0, 0, wwwNew)
		for waited := 0; ; waited++ {
			if m, d := l.get("www.example.net."); addresses(m.Answer)[0] == fresh && d == 0 {
				break
			} else if d != 0 || waited > 11 {
				t.Fatalf("%d s after upstream is back: %v after %v", waited, m, d)
			}
			l.sleep(time.Second)
		}
		l.sleep(time.Minute)
		l.up.says(t, time.Second, 0, www)
		l.want("after the outage upstream is waited for again", old, 60, 0, time.Second)
	})
}

func TestFailureIsKeptForFiveSeconds(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		l.up.says(t, 0, dns.RcodeServerFailure)
		for i := range 5 {
			want := uint16(13)
			if i == 0 {
				want = 0
			}
			if m, _ := l.get("bad.example.net."); m.Rcode != dns.RcodeServerFailure || ede(m) != want {
				t.Errorf("got %v, want reason %d", m, want)
			}
			l.sleep(time.Second - time.Nanosecond)
		}
		if n := l.up.asked.Load(); n != 1 {
			t.Errorf("upstream was asked %d times within 5 s", n)
		}
		l.up.says(t, 0, 0, "bad.example.net. 60 IN A 11.22.33.44")
		l.sleep(5 * time.Nanosecond)
		if m, _ := l.get("bad.example.net."); len(m.Answer) != 1 {
			t.Errorf("after 5 s got %v", m)
		}
		l.up.fails(0)
		if m, _ := l.get("dead.example.net."); m.Rcode != dns.RcodeServerFailure || ede(m) != 22 {
			t.Errorf("without any answer got %v", m)
		}
	})
}

func TestStaleAnswersEnd(t *testing.T) {
	for name, c := range map[string]struct {
		max, still time.Duration
	}{"a day": {0, 24*time.Hour - time.Second}, "configured": {time.Hour, time.Hour - time.Second}, "off": {-1, -time.Second}} {
		t.Run(name, func(t *testing.T) {
			inLab(t, func(cfg *dnsserver.Config) { cfg.StaleMax = c.max }, func(l *lab) {
				l.up.says(t, 0, 0, www)
				l.get("www.example.net.")
				l.up.fails(0)
				l.sleep(time.Minute + c.still)
				if m, _ := l.get("www.example.net."); len(m.Answer) != 1 {
					t.Errorf("%v past its time: %v", c.still, m)
				}
				l.sleep(5*time.Second + time.Second)
				if m, _ := l.get("www.example.net."); m.Rcode != dns.RcodeServerFailure || len(m.Answer) != 0 {
					t.Errorf("when it is over: %v", m)
				}
			})
		})
	}
}

func TestFullPoolGivesStaleAnswers(t *testing.T) {
	inLab(t, func(c *dnsserver.Config) { c.Workers = 2 }, func(l *lab) {
		l.up.says(t, 0, 0, www)
		l.want("first", old, 60, 0, 0)
		l.sleep(time.Minute)
		l.up.fails(time.Hour)
		from := lanHost // one client may not hold all workers
		for _, name := range []string{"a.example.net.", "b.example.net."} {
			go l.Ask(l.ctx, pack(t, new(dns.Msg).SetQuestion(name, dns.TypeA)), from)
			synctest.Wait()
			l.want("while the client's share or all workers are taken", old, 30, 3, 0)
			from = from.Next()
		}
		if n := l.up.asked.Load(); n != 3 {
			t.Errorf("upstream was asked %d times, want 3", n)
		}
	})
}

func TestStaleChainsAreBentToTheZone(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		l.up.says(t, 0, 0, "www.example.net. 60 IN CNAME mqtt.example.org.", "mqtt.example.org. 60 IN A 9.9.9.9")
		l.get("www.example.net.")
		l.sleep(time.Hour)
		l.up.fails(0)
		m, _ := l.get("www.example.net.")
		if got := addresses(m.Answer); len(got) != 1 || got[0] != "192.168.1.10" || m.Answer[0].Header().Ttl != 30 {
			t.Errorf("got %v", m)
		}
	})
}

func TestStaleAnswersAndFailuresDoNotAllocate(t *testing.T) {
	inLab(t, nil, func(l *lab) {
		l.up.says(t, 0, 0, www)
		l.want("first", old, 60, 0, 0)
		l.sleep(time.Minute)
		l.up.fails(0)
		l.want("at the failure", old, 30, 3, 0)
		l.get("never.example.net.")
		for _, name := range []string{"www.example.net.", "never.example.net."} {
			packet, q, out, answered := pack(t, new(dns.Msg).SetQuestion(name, dns.TypeA).SetEdns0(1232, false)), new(wire.Question), make([]byte, 0, wire.UDPSize), true
			if n := testing.AllocsPerRun(100, func() {
				_, ok := l.Inline(out, q, packet, lanHost)
				answered = answered && ok
			}); n != 0 || !answered {
				t.Errorf("%s: %v allocations, answered inline %v", name, n, answered)
			}
		}
	})
}
