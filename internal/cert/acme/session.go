package acme

// One CA: the calls that are made of it, and what is at hand for them.

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/mholt/acmez/v3/acme"
)

// session is the dealings with one CA during one Obtain.
type session struct {
	i         *Issuer
	cfg       Config
	address   string // of the directory
	rehearsal bool
	folder    string
	log       *slog.Logger
	memory    *memory
	set       string // the key of this set of names
	dir       directory
	client    *acme.Client
	account   acme.Account
}

// nonceRounds is how often a call is made anew that the library gave up because
// no nonce was accepted; it has tried ten times by then.
const nonceRounds = 3

// do makes one call of the library, and judges its error. What a is to note is
// set in it already.
func (s *session) do(ctx context.Context, doing string, a *ask, call func(context.Context) error) error {
	var err error
	for range nonceRounds {
		*a = ask{once: a.once, keep: a.keep}
		err = judge(ctx, call(asking(ctx, a)), a, doing)
		if f := (*failure)(nil); !errors.As(err, &f) || f.problem != "badNonce" || a.doubt != nil {
			break
		}
	}
	return err
}

// connect gets the directory and logs in.
func (s *session) connect(ctx context.Context) error {
	if s.client == nil {
		if err := s.open(ctx); err != nil {
			return err
		}
	}
	return s.logIn(ctx, false)
}

// open gets the directory, and makes the client for it.
func (s *session) open(ctx context.Context) error {
	a := &ask{keep: true}
	err := s.do(ctx, "reading its directory", a, func(ctx context.Context) (err error) {
		s.dir, err = fetchDirectory(ctx, s.i.plain, s.address, a)
		return err
	})
	if err != nil {
		return err
	}
	s.client = s.dir.newClient(s.i.base, s.address, s.cfg, s.i.askTime)
	return nil
}

// getOrder asks for the state of an order. wait is when the CA wants to be asked
// again; zero where it does not say.
func (s *session) getOrder(ctx context.Context, address string) (order acme.Order, wait time.Time, err error) {
	a := new(ask)
	err = s.do(ctx, "asking for the order", a, func(ctx context.Context) (err error) {
		order, err = s.client.GetOrder(ctx, s.account, acme.Order{Location: address})
		return err
	})
	order.Location = address
	return order, a.retry, err
}

// searchPages bounds how many pages of orders are looked through.
const searchPages = 50

// findOrder looks for an order of ours with these names that is still good: one
// whose address a crash, or the network, kept from us. A CA need not keep a list
// of orders; Let's Encrypt has none, and answers a second such order with the
// first.
func (s *session) findOrder(ctx context.Context, names []string) string {
	a := &ask{keep: true}
	page, err := s.orderList(ctx)
	for n := 0; err == nil && page != "" && n < searchPages; n++ {
		err = s.do(ctx, "listing our orders", a, func(ctx context.Context) error {
			_, err := s.client.GetOrder(ctx, s.account, acme.Order{Location: page})
			return err
		})
		if err != nil {
			break
		}
		var list struct {
			Orders []string `json:"orders"`
		}
		if json.Unmarshal(a.body, &list) != nil {
			break
		}
		page = a.next
		for _, address := range list.Orders {
			if isHTTPS(address) && s.isGood(ctx, address, names) {
				return address
			}
		}
	}
	return ""
}

// orderList is the address of the list of our orders, or none.
func (s *session) orderList(ctx context.Context) (string, error) {
	account, err := s.accountByKey(ctx, s.account.PrivateKey)
	if err != nil || !isHTTPS(account.Orders) {
		return "", err
	}
	return account.Orders, nil
}

// isGood reports whether the order at address is for these names and can still
// lead to a certificate. One that is finalized was so with a key that is not
// known here.
func (s *session) isGood(ctx context.Context, address string, names []string) bool {
	order, _, err := s.getOrder(ctx, address)
	if err != nil || order.Status != acme.StatusPending && order.Status != acme.StatusReady {
		return false
	}
	return sameNames(identifiers(order), names) && time.Now().Before(order.Expires)
}

func identifiers(order acme.Order) []string {
	names := make([]string, 0, len(order.Identifiers))
	for _, id := range order.Identifiers {
		names = append(names, id.Value)
	}
	return names
}

// rest waits, or returns ctx's end.
func rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// gone reports whether err says that the CA does not know something that we
// asked for by its address.
func gone(err error) bool {
	f := (*failure)(nil)
	if !errors.As(err, &f) {
		return false
	}
	switch f.status {
	case http.StatusNotFound, http.StatusGone:
		return true
	}
	return f.problem == "malformed" || f.problem == "unauthorized"
}
