package router_test

// The rules on what is believed, each with an answer that breaks it.

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router"
	"github.com/edgeguard/edgeguard/internal/router/igdtest"
)

// bystander is a server on loopback, 127.0.0.1, that nobody may talk to.
func bystander(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		t.Errorf("%s %s was sent to a bystander", req.Method, req.URL)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// The rules, and what shows each of them. Where a test is another package's, its
// folder is named; those of test/lab use a real router and a real liar.
//
//	1  Replies of the gateway only, LOCATION plain http on its literal address, no
//	   address of ours from a header; our own by asking the kernel
//	     TestAReplyFromAnotherHostIsNotFollowed, TestRoutersThatAreRefused,
//	     TestStatusAndNames, TestOtherRoutersAreListedAndNotSpokenTo,
//	     TestPlacesWhereNothingIsKeepNobodyFromTheRouter,
//	     TestARouterThatAnswersIsNotForgotten
//	     ssdp: TestSearchBelievesOnlyTheGateway, TestParseReplyRefuses,
//	     TestWhoDrownsTheGroupDoesNotHideTheGateway
//	     test/lab: TestHostileDeviceThatAnswersFirst,
//	     TestHostileDeviceThatAnswersAsTheGateway,
//	     TestHostileDeviceThatDrownsTheRouter,
//	     TestHostileDeviceThatHasTheRouterForgotten
//	2  All URLs of the description on the same host, another port is fine; no
//	   gateway that is loopback, link-local, multicast or public
//	     TestRoutersThatAreRefused, TestAnotherPortOfTheSameHostIsFine,
//	     TestLoopbackNeedsLeave
//	     igd: TestParseDescriptionChecksURLBaseItself, TestPeerCheck
//	     test/lab: TestHostileGateway
//	3  No redirect, no proxy, no name; every connection to the gateway, from our
//	   address that faces it
//	     TestARedirectedCallIsSaid, TestASubscriptionThatIsRefusedIsSaid
//	     igd: TestNoProxy, TestDialIsPinned
//	     test/lab: TestHostileGateway
//	4  Bounds: 16 replies of 2 KiB, description 256 KiB, SOAP 64 KiB, event 32 KiB,
//	   5 s each, 20 s in all; depth and number of elements; foreign text cleaned
//	     TestDefaultBounds, TestTheCycleIsBounded, TestPlacesThatAreTriedAreBounded,
//	     TestRoutersThatAreRefused, TestADescriptionIsBounded,
//	     TestAnswersToCallsAreBounded, TestAnAnswerWithinTheBoundIsTaken,
//	     TestCompressedAnswersAreNotUnpacked, TestForeignTextIsCleaned
//	     ssdp: TestSearchIsBoundedInReplies, TestWhatIsReadIsBounded,
//	     TestSearchRefusesALargeReply
//	     igd: TestTidyXMLRefuses; gena: TestAnEndlessBodyEnds
//	5  One call at a time, 200 ms apart; waits that grow, with jitter
//	     TestOneCallAtATimeWithSpaceBetween, TestDefaultBounds,
//	     TestAFailedSearchIsRememberedLongerWhileRunRuns
//	     gena: TestKeeperBacksOff
//	6  Events and announcements are hints of the gateway's, and few
//	     TestEventsAreHints, TestEarFollowsThePlaceAndHearsTheGatewayOnly,
//	     TestAFloodIsFewHintsAndTheLastOneComes,
//	     TestSuspicionsThatFloodAreFewSearches,
//	     TestAForgedAnnouncementIsNoNewGeneration,
//	     TestForgedAnnouncementsAreFewGenerations,
//	     TestAFloodOfAnnouncementsIsFewLines
//	     gena: TestNotificationsThatCount, TestNotificationsThatDoNotCount,
//	     TestStrangersAreNotRead, TestTheAnswerComesBeforeTheBody
//	     test/lab: TestFloodOfForgedAnnouncements, TestFloodOfTheEventsPort
//	7  No port 0, no wildcard, a lease that ends, nothing of others' deleted
//	     TestAddGetDelete, TestRefusalsOfAMapping
//	     portmap: TestMadeReadBackRenewedAndTakenAway, TestOnlyPermanentLeases,
//	     TestStopDeletesOnlyWhatIsReadBackAsOurs, TestConflictIsNamedAndLeftAlone
//	8  The WAN address is parsed strictly; whether it is public, and true, is for
//	   others to judge
//	     TestExternalAddress; igd: TestExternal
//	     wan: TestAgreeNeverPublishesUnusable, TestAgreeRule
//
// Where this goes another way than 16 replies: a router answers each of ten
// targets on each way that they come, so up to 256 good datagrams and 1024 in
// all are read of the gateway's by each of two ways, for no longer than the
// search lasts, and 8 places are kept of each: what is read costs some
// microseconds and is forgotten, while a bound of 16 on what is read could be
// used up by anybody who answers first. A search that led to nothing is made a
// second time; both together try 16 places, within the 20 s.

// What comes from another host is never fetched; see also neighbours_test.go.
func TestAReplyFromAnotherHostIsNotFollowed(t *testing.T) {
	fake := igdtest.Start(t)
	fetched := make(chan string, 1)
	fake.Behave(func(b *igdtest.Behaviour) {
		b.ReplyFrom = netip.MustParseAddr("127.0.0.9")
		b.Description = func(_ http.ResponseWriter, req *http.Request) { fetched <- req.RemoteAddr }
	})
	err := newRouter(fake).Add(t.Context(), wanted)
	if !errors.Is(err, fact.ErrNoRouter) || !strings.Contains(err.Error(), "127.0.0.9 (igdtest UPnP/2.0) answers as a router, but is not the default gateway") {
		t.Errorf("got %v", err)
	}
	select {
	case from := <-fetched:
		t.Errorf("%s fetched its description", from)
	default:
	}
}

func TestRoutersThatAreRefused(t *testing.T) {
	other := bystander(t)
	authority := strings.TrimPrefix(other, "http://")
	for name, odd := range map[string]func(*igdtest.Behaviour){
		"LOCATION on another host": func(b *igdtest.Behaviour) { b.Location = func(string) string { return other + "/rootDesc.xml" } },
		"LOCATION with credentials": func(b *igdtest.Behaviour) {
			b.Location = func(string) string { return "http://127.0.0.2@" + authority }
		},
		"LOCATION in https":        func(b *igdtest.Behaviour) { b.Location = func(s string) string { return "https" + s[4:] } },
		"LOCATION by name":         func(b *igdtest.Behaviour) { b.Location = func(string) string { return "http://localhost:1/" } },
		"LOCATION on port 0":       func(b *igdtest.Behaviour) { b.Location = func(string) string { return "http://127.0.0.2:0/" } },
		"an endless description":   func(b *igdtest.Behaviour) { b.Description = igdtest.Endless },
		"a slow description":       func(b *igdtest.Behaviour) { b.Description = igdtest.Slow },
		"a deep description":       func(b *igdtest.Behaviour) { b.Description = igdtest.Deep },
		"a gzipped description":    func(b *igdtest.Behaviour) { b.Description = igdtest.Gzipped },
		"a redirected description": func(b *igdtest.Behaviour) { b.Description = igdtest.RedirectTo(other) },
		"a redirect to metadata": func(b *igdtest.Behaviour) {
			b.Description = igdtest.RedirectTo("http://169.254.169.254/latest/meta-data/")
		},
		"endless headers":               func(b *igdtest.Behaviour) { b.Description = igdtest.EndlessHeaders },
		"endless information":           func(b *igdtest.Behaviour) { b.Description = igdtest.EndlessInformation },
		"LOCATION on IPv6 loopback":     igdtest.TPLinkLoopback,
		"LOCATION on metadata":          func(b *igdtest.Behaviour) { b.Location = func(string) string { return "http://169.254.169.254/d.xml" } },
		"controlURL on metadata":        func(b *igdtest.Behaviour) { b.ControlURL = "http://169.254.169.254/ctl/0" },
		"a description that is missing": func(b *igdtest.Behaviour) { b.Description = http.NotFound },
		"controlURL on another host":    func(b *igdtest.Behaviour) { b.ControlURL = other + "/ctl/0" },
		"controlURL without a scheme":   func(b *igdtest.Behaviour) { b.ControlURL = "//" + authority + "/ctl/0" },
		"controlURL in https":           func(b *igdtest.Behaviour) { b.ControlURL = "https://127.0.0.2/ctl/0" },
		"controlURL by name":            func(b *igdtest.Behaviour) { b.ControlURL = "http://localhost/ctl/0" },
		"eventSubURL on another host":   func(b *igdtest.Behaviour) { b.EventSubURL = other },
		"SCPDURL on another host":       func(b *igdtest.Behaviour) { b.SCPDURL = other },
		"URLBase on another host":       func(b *igdtest.Behaviour) { b.URLBase = other },
		"no connection service":         func(b *igdtest.Behaviour) { b.Services = []igdtest.Service{{Type: "urn:x"}} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := igdtest.Start(t)
			fake.Behave(odd)
			r := newRouter(fake, func(c *router.Config) { c.Timeout = 300 * time.Millisecond })
			err := r.Add(t.Context(), wanted)
			if !errors.Is(err, fact.ErrNoRouter) || !strings.Contains(err.Error(), "refused") {
				t.Errorf("got %v, want a refusal in words", err)
			}
			if calls := fake.Calls(); len(calls) != 0 {
				t.Errorf("it was called: %v", calls)
			}
		})
	}
}

func TestAnotherPortOfTheSameHostIsFine(t *testing.T) {
	fake := igdtest.Start(t)
	control := igdtest.Start(t) // same address, other port
	fake.Behave(func(b *igdtest.Behaviour) {
		b.ControlURL = strings.Replace(control.Location(), "/rootDesc.xml", "/ctl/0", 1)
	})
	if err := newRouter(fake).Add(t.Context(), wanted); err != nil || len(control.Table()) != 1 {
		t.Errorf("got %v, table %v", err, control.Table())
	}
}

func TestAnswersToCallsAreBounded(t *testing.T) {
	other := bystander(t)
	for name, answer := range map[string]http.HandlerFunc{
		"endless":  igdtest.Endless,
		"slow":     igdtest.Slow,
		"deep":     igdtest.Deep,
		"gzipped":  igdtest.Gzipped,
		"redirect": igdtest.RedirectTo(other),
		"metadata": igdtest.RedirectTo("http://169.254.169.254/latest/meta-data/"),
		"headers":  igdtest.EndlessHeaders,
		"1xx":      igdtest.EndlessInformation,
		"garbage":  func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("\x00\xff<not xml")) },
		"empty":    func(http.ResponseWriter, *http.Request) {},
		"large":    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(envelopeOf(64<<10 + 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := igdtest.Start(t)
			fake.Behave(func(b *igdtest.Behaviour) { b.Control = igdtest.Always(answer) })
			r := newRouter(fake, func(c *router.Config) { c.Timeout = 300 * time.Millisecond })
			got, err := r.ExternalAddress(t.Context())
			if err == nil || got.State != fact.Unknown {
				t.Errorf("got %v, %v", got, err)
			}
			if err != nil && len(err.Error()) > 400 {
				t.Errorf("the error has %d octets of the router's", len(err.Error()))
			}
			if _, err := r.Get(t.Context(), fact.TCP, 8883); err == nil || errors.Is(err, fact.ErrNoMapping) {
				t.Errorf("Get: %v: no answer is not an empty table", err)
			}
		})
	}
}

// envelopeOf is a good answer of n octets.
func envelopeOf(n int) []byte {
	const head = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle=""><s:Body><u:GetExternalIPAddressResponse xmlns:u="urn:x"><NewExternalIPAddress>11.22.33.44</NewExternalIPAddress></u:GetExternalIPAddressResponse></s:Body><!--`
	const tail = `--></s:Envelope>`
	return []byte(head + strings.Repeat("x", n-len(head)-len(tail)) + tail)
}

// A description of 256 KiB is read, and one octet more is not.
func TestADescriptionIsBounded(t *testing.T) {
	for size, taken := range map[int]bool{256 << 10: true, 256<<10 + 1: false} {
		fake := igdtest.Start(t)
		sound := igdtest.Start(t) // who describes itself as it should
		resp, err := (&http.Client{Timeout: time.Minute}).Get(sound.Location())
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		head, tail, _ := strings.Cut(string(text), "<specVersion>")
		tail = "--><specVersion>" + tail
		body := head + "<!--" + strings.Repeat("x", size-len(head)-len("<!--")-len(tail)) + tail
		fake.Behave(func(b *igdtest.Behaviour) {
			b.Description = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
		})
		_, err = newRouter(fake).ExternalAddress(t.Context())
		if taken != (err == nil) || !taken && !strings.Contains(err.Error(), "more than 256 KiB") {
			t.Errorf("of %d octets: %v", len(body), err)
		}
	}
}

func TestARedirectedCallIsSaid(t *testing.T) {
	fake, other := igdtest.Start(t), bystander(t)
	fake.Behave(func(b *igdtest.Behaviour) { b.Control = igdtest.Always(igdtest.RedirectTo(other)) })
	_, err := newRouter(fake).ExternalAddress(t.Context())
	const want = "the router answered with a redirect (HTTP 307), which is not followed"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

// A flood of announcements is a few lines of the log, at every level.
func TestAFloodOfAnnouncementsIsFewLines(t *testing.T) {
	var out bytes.Buffer
	r := newRouter(igdtest.Start(t), func(c *router.Config) {
		c.Log = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	hear := r.HearSSDP(igdtest.Address)
	for i := range 3000 {
		r.HearAnnouncement([]byte("garbage"))
		r.HearAnnouncement([]byte{0, 128, 0, 0, 0, 0, byte(i >> 8), byte(i), 11, 22, 33, 44})
		hear([]byte("NOTIFY * HTTP/1.1\r\nNTS: ssdp:byebye\r\nNT: " + igdDevice + "\r\n\r\n"))
		hear(aliveAt("http://127.0.0.2:1/d.xml", strconv.Itoa(i)))
	}
	if lines := strings.Count(out.String(), "\n"); lines == 0 || lines > 40 {
		t.Errorf("%d lines:\n%.2000s", lines, out.String())
	}
}

func TestAnAnswerWithinTheBoundIsTaken(t *testing.T) {
	fake := igdtest.Start(t)
	fake.Behave(func(b *igdtest.Behaviour) {
		b.Control = igdtest.Always(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(envelopeOf(64 << 10)) })
	})
	if got, err := newRouter(fake).ExternalAddress(t.Context()); err != nil || got.String() != "11.22.33.44" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestCompressedAnswersAreNotUnpacked(t *testing.T) {
	fake := igdtest.Start(t)
	r := newRouter(fake)
	fake.Behave(func(b *igdtest.Behaviour) { b.Control = igdtest.Always(igdtest.Gzipped) })
	if _, err := r.ExternalAddress(t.Context()); err == nil || !strings.Contains(err.Error(), `content coding "gzip"`) {
		t.Errorf("a call: %v", err)
	}
	fake = igdtest.Start(t)
	fake.Behave(func(b *igdtest.Behaviour) { b.Description = igdtest.Gzipped })
	if _, err := newRouter(fake).ExternalAddress(t.Context()); err == nil || !strings.Contains(err.Error(), `content coding "gzip"`) {
		t.Errorf("the description: %v", err)
	}
}

func TestLoopbackNeedsLeave(t *testing.T) {
	fake := igdtest.Start(t)
	r := newRouter(fake, func(c *router.Config) { c.AllowLoopback = false })
	if err := r.Add(t.Context(), wanted); !errors.Is(err, fact.ErrNoRouter) || len(fake.Calls()) != 0 {
		t.Errorf("got %v", err)
	}
}

func TestForeignTextIsCleaned(t *testing.T) {
	fake := igdtest.Start(t)
	m := wanted
	m.Description = "a&#x9;b&#x202e;c &#x85; " + strings.Repeat("x", 200)
	fake.Put(m)
	got, err := newRouter(fake).Get(t.Context(), fact.TCP, 8883)
	if err != nil || got.Description != "a bc "+strings.Repeat("x", 56)+"…" {
		t.Errorf("got %q, %v", got.Description, err)
	}
}

func TestLeaseThatIsLeftOut(t *testing.T) {
	fake := igdtest.Start(t)
	fake.Behave(func(b *igdtest.Behaviour) {
		b.Control = igdtest.Always(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle=""><s:Body><u:GetSpecificPortMappingEntryResponse xmlns:u="urn:x"><NewInternalPort>8883</NewInternalPort><NewInternalClient>192.168.1.10</NewInternalClient><NewEnabled>1</NewEnabled><NewPortMappingDescription>edgeguard mqtt</NewPortMappingDescription></u:GetSpecificPortMappingEntryResponse></s:Body></s:Envelope>`))
		}, "GetSpecificPortMappingEntry")
	})
	want := wanted
	want.Lease = 0
	if got, err := newRouter(fake).Get(t.Context(), fact.TCP, 8883); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}
