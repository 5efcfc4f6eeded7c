package hairpin_test

// Credentials: whom they are shown to, and what is made of the answer.

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin"
	"github.com/edgeguard/edgeguard/internal/secret"
)

const password = "correct horse"

// doorman lets in who knows the password.
func doorman(packet string) byte {
	switch {
	case strings.Contains(packet, password):
		return 0
	case strings.Contains(packet, "wrong"):
		return 4
	default:
		return 5
	}
}

func TestCredentials(t *testing.T) {
	ca, stranger := newCA(t, "Home CA"), newCA(t, "Strange CA")
	names := []string{"mqtt.example.com"}
	tests := []struct {
		name     string
		by       *authority
		dials    []string
		password string
		sent     bool
		verdict  fact.Verdict
		says     string
		mqtt     string
	}{
		{"right", ca, names, password, true, fact.VerdictPass, "takes the user name and password", "accepted"},
		{"wrong", ca, names, "wrong", true, fact.VerdictWarn, "refuses the user name and password of the config (bad user name or password)", "bad user name or password"},
		{"own authority, no name", ca, nil, password, true, fact.VerdictPass, "takes the user name", "accepted"},
		{"stranger", stranger, names, password, false, fact.VerdictPass, "was not sent, as its certificate", "not authorised"},
		{"another name", ca, []string{"other.example.com"}, password, false, fact.VerdictPass, "was not sent, as its certificate", "not authorised"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBroker(tt.by.issue(t, names, nil))
			b.judge = doorman
			s := service(listen(t, "127.0.0.1", b.handle), ca, tt.dials...)
			s.User, s.Password = "edgeguard", secret.New(tt.password)
			status := looked(t, run(t, hairpin.Config{Services: []hairpin.Service{s}}, nil))
			if l := status.Broker; l.Verdict != tt.verdict || !strings.Contains(l.Summary, tt.says) || (l.Action == "") != (l.Verdict == fact.VerdictPass) {
				t.Errorf("link %+v, want %s with %q", l, tt.verdict, tt.says)
			}
			if got := status.Services[0].MQTT; got != tt.mqtt {
				t.Errorf("MQTT %q, want %q", got, tt.mqtt)
			}
			calls := b.called()
			for _, packet := range calls {
				if sent := strings.Contains(packet, tt.password) && strings.Contains(packet, "edgeguard"); sent != tt.sent {
					t.Errorf("%x: sent: %v, want %v", packet, sent, tt.sent)
				}
			}
			// A wrong password is not tried in MQTT 5.0 as well.
			if want := 2; len(calls) != want && tt.name != "wrong" || tt.name == "wrong" && len(calls) != 1 {
				t.Errorf("%d calls", len(calls))
			}
		})
	}
}

// The world's authorities sign for everybody: without a name, nobody is the
// right one.
func TestCredentialsNeedAName(t *testing.T) {
	ca := newCA(t, "World CA")
	shown := hairpin.Shown(ca.issue(t, []string{"evil.example"}, nil).Leaf, ca.roots())
	for _, tt := range []struct {
		service hairpin.Service
		sent    bool
	}{
		{hairpin.Service{User: "u"}, false},
		{hairpin.Service{User: "u", Names: []string{"evil.example"}}, true},
		{hairpin.Service{User: "u", Names: []string{"mqtt.example.com"}}, false},
		{hairpin.Service{User: "u", Roots: ca.roots()}, true},
		{hairpin.Service{}, false},
	} {
		if got := hairpin.SendsCredentials(tt.service, shown); got != tt.sent {
			t.Errorf("%+v: sent: %v", tt.service, got)
		}
	}
	if hairpin.SendsCredentials(hairpin.Service{User: "u", Roots: ca.roots()}, nil) {
		t.Error("sent to nobody")
	}
}

// Who repeats a wrong password is locked out by many: it is shown once in ten
// minutes, and what the broker said stays in between.
func TestWrongPasswordIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, ca := newNetwork(), newCA(t, "Home CA")
		names := []string{"mqtt.example.com"}
		b := newBroker(ca.issue(t, names, nil))
		var knows atomic.Bool
		b.judge = func(packet string) byte {
			if knows.Load() {
				return 0
			}
			return doorman(packet)
		}
		n.serve(lanAddress.String(), pipe(b))
		s := service(lanAddress, ca, names...)
		s.User, s.Password = "edgeguard", secret.New("wrong")
		p := hairpin.New(hairpin.Config{Services: []hairpin.Service{s}}, wanValue(""))
		p.SetNetwork(n.dial, nil)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx) }()
		for range 40 {
			after(15 * time.Second)
			if l := p.Status().Load().Broker; l.Verdict != fact.VerdictWarn || !strings.Contains(l.Summary, "refuses the user name") {
				t.Errorf("link %+v", l)
			}
		}
		after(51 * time.Minute)
		if got := len(b.called()); got != 7 {
			t.Errorf("the password was shown %d times in 61 minutes, want 7", got)
		}
		// It answers again as soon as the broker knows better.
		knows.Store(true)
		after(10 * time.Minute)
		if l := p.Status().Load().Broker; l.Verdict != fact.VerdictPass {
			t.Errorf("link %+v", l)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
}
