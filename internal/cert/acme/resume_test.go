package acme

// Orders that were broken off, or whose answer was lost.

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// post reports whether r is a POST to a path with part in it.
func post(r *http.Request, part string) bool {
	return r.Method == http.MethodPost && strings.Contains(r.URL.Path, part)
}

// steps are parts of the paths of pebble, one for each step of an order.
var steps = map[string]string{
	"account": "sign-me-up", "order": "order-plz", "authorization": "authZ", "challenge": "chalZ",
	"finalize": "finalize-order", "state": "my-order", "certificate": "certZ",
}

// At each step ctx ends once before pebble has the request and once after it:
// the next Obtain goes on with the same order.
func TestAnOrderIsTakenUpAtEachStep(t *testing.T) {
	w := usual(t)
	for step, part := range steps {
		for _, late := range []bool{false, true} {
			name := step + map[bool]string{true: "-after", false: "-before"}[late] + ".example.net"
			t.Run(name, func(t *testing.T) {
				f := newFront(t, w)
				i := mustNew(t, f.config(t))
				r := newRequest(t, name)
				ctx, cancel := context.WithCancel(t.Context())
				var hit atomic.Bool
				f.disturb(func(_ http.ResponseWriter, req *http.Request) bool {
					if !late && post(req, part) && hit.CompareAndSwap(false, true) {
						cancel()
						panic(http.ErrAbortHandler)
					}
					return false
				}, func(res *http.Response) error {
					if late && post(res.Request, part) && hit.CompareAndSwap(false, true) {
						cancel()
						return errLost
					}
					return nil
				})
				if _, err := i.Obtain(ctx, r); !errors.Is(err, context.Canceled) {
					t.Fatalf("cut off at %s it ends with %v", step, err)
				}
				f.noTXT(t, "_acme-challenge."+name)
				mustObtain(t, f, mustNew(t, i.cfg), r)
				if got := f.ordered(name); got != 1 {
					t.Errorf("it was ordered %d times", got)
				}
				f.noTXT(t, "_acme-challenge."+name)
			})
		}
	}
}

// The answer to the order is lost, and nobody was cut off: the library must not
// send it again.
func TestALostAnswerIsNoSecondOrder(t *testing.T) {
	f := newFront(t, usual(t))
	i := mustNew(t, f.config(t))
	r := newRequest(t, "lost.example.net")
	var hit atomic.Bool
	f.disturb(nil, func(res *http.Response) error {
		if post(res.Request, "order-plz") && hit.CompareAndSwap(false, true) {
			return errLost
		}
		return nil
	})
	_, err := i.Obtain(t.Context(), r)
	wantFault(t, err, "could not be reached", "")
	passWaits(t, i, r)
	mustObtain(t, f, i, r)
	if got := f.ordered(r.Names...); got != 1 {
		t.Errorf("it was ordered %d times", got)
	}
}

// passWaits has the waits of r be over.
func passWaits(t *testing.T, i *Issuer, r Request) {
	t.Helper()
	m, err := loadMemory(i.folder(i.cfg.Directory))
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range m.Sets {
		rec.Until = rec.At
	}
	if err := m.save(); err != nil {
		t.Fatal(err)
	}
}

func TestAChainThatWasObtainedIsGivenAgainUntilOthersAreAsked(t *testing.T) {
	f := newFront(t, usual(t))
	i := mustNew(t, f.config(t))
	r := newRequest(t, "kept.example.net")
	first := mustObtain(t, f, i, r)[0]
	asked := f.asked()
	i = mustNew(t, i.cfg) // a new process
	if again := mustObtain(t, f, i, r)[0]; !again.Equal(first) || f.asked() != asked {
		t.Errorf("it is another certificate, or the CA was asked %d times", f.asked()-asked)
	}
	r.Replaces = first
	second := mustObtain(t, f, i, r)[0]
	if second.Equal(first) || f.ordered(r.Names...) != 2 {
		t.Errorf("the renewal is the same certificate, after %d orders", f.ordered(r.Names...))
	}
	other := newRequest(t, "kept.example.net")
	other.Replaces = first
	if third := mustObtain(t, f, i, other)[0]; third.Equal(second) {
		t.Error("another key gets the old certificate")
	}
	if err := i.Forget(); err != nil {
		t.Fatal(err)
	}
	mustObtain(t, f, i, other)
	if got := f.ordered(r.Names...); got != 4 {
		t.Errorf("after Forget there are %d orders", got)
	}
}

func TestAccountLostAtTheCAIsMadeAnew(t *testing.T) {
	f := newFront(t, usual(t))
	cfg := f.config(t)
	cfg.Email = "admin@example.net"
	i := mustNew(t, cfg)
	mustObtain(t, f, i, newRequest(t, "account1.example.net"))
	s, err := i.session(cfg.Directory, newRequest(t, "x.example.net"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	url := s.account.Location
	// The URL is lost: it is found again by the key.
	a, err := parseAccount(mustRead(t, s.accountFile()))
	if err != nil {
		t.Fatal(err)
	}
	a.URL = ""
	if err := s.saveAccount(a); err != nil {
		t.Fatal(err)
	}
	if err := s.logIn(t.Context(), false); err != nil || s.account.Location != url || f.accounts != 1 {
		t.Errorf("the account is %s, %v, of %d", s.account.Location, err, f.accounts)
	}
	// The CA does not know it any more.
	a.URL = strings.Replace(url, "/my-account/", "/my-account/9", 1)
	if err := s.saveAccount(a); err != nil {
		t.Fatal(err)
	}
	mustObtain(t, f, mustNew(t, cfg), newRequest(t, "account2.example.net"))
	if f.accounts != 2 {
		t.Errorf("%d accounts were made", f.accounts)
	}
}

func TestRenewalWindowAndReplaces(t *testing.T) {
	f := newFront(t, usual(t))
	i := mustNew(t, f.config(t))
	r := newRequest(t, "ari.example.net")
	leaf := mustObtain(t, f, i, r)[0]
	w, err := i.Window(t.Context(), leaf)
	if err != nil {
		t.Fatal(err)
	}
	if !w.Start.Before(w.End) || w.End.After(leaf.NotAfter) || w.AskAgain.IsZero() {
		t.Errorf("the window is %+v", w)
	}
	r.Replaces = leaf
	mustObtain(t, f, i, r)
	n, err := loadNote(i.folder(i.cfg.Directory))
	if err != nil || n.Replaces == "" {
		t.Errorf("the order does not say what it replaces: %+v, %v", n, err)
	}
	// It is replaced already: ordered without saying so.
	if err := i.Forget(); err != nil {
		t.Fatal(err)
	}
	mustObtain(t, f, i, r)
	if n, err = loadNote(i.folder(i.cfg.Directory)); err != nil || n.Replaces != "" {
		t.Errorf("the order still says what it replaces: %+v, %v", n, err)
	}
	// Of another CA: likewise.
	foreign := *leaf
	foreign.AuthorityKeyId = []byte("another")
	if _, err := i.Window(t.Context(), &foreign); err == nil {
		t.Error("there is a window for a stranger's certificate")
	}
	r = newRequest(t, "ari.example.net")
	r.Replaces = &x509.Certificate{Raw: []byte{1}, AuthorityKeyId: []byte("another"), SerialNumber: leaf.SerialNumber, NotBefore: leaf.NotBefore}
	mustObtain(t, f, i, r)
}

func TestRehearsalComesFirstAndOnce(t *testing.T) {
	w := usual(t)
	stage, f := newFront(t, w), newFront(t, w)
	cfg := f.config(t)
	cfg.Rehearsal = stage.directory()
	i := mustNew(t, cfg)
	r := newRequest(t, "rehearsed.example.net")
	var early atomic.Bool
	f.disturb(func(_ http.ResponseWriter, req *http.Request) bool {
		early.CompareAndSwap(false, stage.ordered("rehearsed.example.net") == 0)
		return false
	}, nil)
	r.Replaces = mustObtain(t, f, i, r)[0]
	if early.Load() {
		t.Error("the real CA was asked before the rehearsal")
	}
	mustObtain(t, f, mustNew(t, cfg), r)
	if stage.ordered(r.Names...) != 1 || f.ordered(r.Names...) != 2 {
		t.Errorf("it was rehearsed %d times and ordered %d times", stage.ordered(r.Names...), f.ordered(r.Names...))
	}
	// A rehearsal's server that is out of order keeps nobody from a certificate.
	stage.disturb(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}, nil)
	mustObtain(t, f, i, newRequest(t, "unrehearsed.example.net"))
}
