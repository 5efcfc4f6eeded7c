package acme

// An order, from the decision to the certificate, taken up wherever it is.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/mholt/acmez/v3/acme"
)

const (
	// maxRounds bounds how often an order is found pending again after all that
	// was asked for had been proved.
	maxRounds = 5
	// processTime bounds how long one Obtain watches a CA that is at work on an
	// order. The order is kept.
	processTime = 5 * time.Minute
	// slowWait is when it is looked at again after that.
	slowWait = 10 * time.Minute
)

// order obtains the certificate of r: by the order that is under way where that
// is usable, else by a new one.
func (s *session) order(ctx context.Context, r Request) (*note, error) {
	key := ""
	if !s.rehearsal {
		key = keyHash(r.Key)
	}
	n, err := loadNote(s.folder)
	if err != nil {
		s.log.Warn("the order under way is lost", "error", err)
	}
	usable := n != nil && n.isFor(r.Names, key) && len(n.Chain) == 0 && n.Profile == s.profile()
	var order acme.Order
	if usable {
		if order, usable, err = s.takeUp(ctx, n); err != nil {
			return nil, err
		}
	}
	if !usable {
		if n, order, err = s.place(ctx, r, key); err != nil {
			return nil, err
		}
	}
	return n, s.drive(ctx, r, n, order)
}

// profile is the profile to ask for: the one of the config where the CA has it.
func (s *session) profile() string { return s.dir.profile(s.cfg.Profile) }

// takeUp looks at the order of n, and reports whether it can go on.
func (s *session) takeUp(ctx context.Context, n *note) (order acme.Order, usable bool, err error) {
	if n.URL == "" {
		if n.URL = s.findOrder(ctx, n.Names); n.URL == "" || saveNote(s.folder, n) != nil {
			return order, false, ctx.Err()
		}
		s.log.Info("an order that was placed before is found again")
	}
	order, _, err = s.getOrder(ctx, n.URL)
	if err != nil {
		if gone(err) {
			s.log.Info("the CA does not know the order under way any more", "error", err)
			return order, false, nil
		}
		return order, false, err
	}
	if !sameNames(identifiers(order), n.Names) {
		return order, false, nil
	}
	over := !order.Expires.IsZero() && time.Now().After(order.Expires)
	switch order.Status {
	case acme.StatusInvalid:
		if n.Told && !over {
			// It failed after we were gone: that counts, and is to be told.
			return order, false, s.lost(ctx, order)
		}
		return order, false, nil
	case acme.StatusPending, acme.StatusReady:
		return order, !over, nil
	case acme.StatusProcessing, acme.StatusValid:
		return order, true, nil
	}
	return order, false, nil
}

// place places a new order. That we are about to is written down first, and the
// answer as soon as it is there.
func (s *session) place(ctx context.Context, r Request, key string) (*note, acme.Order, error) {
	none := acme.Order{}
	now := time.Now()
	rec := s.memory.of(s.set, now)
	if f := rec.brake(now); f != nil {
		return nil, none, &failure{Fault: *f}
	}
	if err := s.preflight(ctx, r); err != nil {
		return nil, none, err
	}
	n := &note{Names: r.Names, Key: key, Profile: s.profile(), Placed: now}
	if s.cfg.Profile != "" && n.Profile == "" && !s.rehearsal {
		s.log.Warn("the CA has no such profile of certificate, so it chooses", "profile", s.cfg.Profile)
	}
	if r.Replaces != nil && s.dir.RenewalInfo != "" && !s.rehearsal && len(r.Replaces.AuthorityKeyId) > 0 {
		n.Replaces, _ = acme.ARIUniqueIdentifier(r.Replaces)
	}
	rec.Placed = append(rec.Placed, now)
	if err := errors.Join(s.memory.save(), saveNote(s.folder, n)); err != nil {
		return nil, none, failed("Make room, and see to it that the state folder can be written.", "The order could not be written down, so it was not placed: %v.", err)
	}
	order, err := s.newOrder(ctx, n)
	if err != nil {
		return nil, none, err
	}
	n.URL = order.Location
	if err := saveNote(s.folder, n); err != nil {
		return nil, none, failed("Make room, and see to it that the state folder can be written.", "The order could not be written down: %v.", err)
	}
	return n, order, nil
}

// newOrder places the order of n, without saying what it renews where the CA
// does not want to hear that, and with a new account where it does not know
// ours.
func (s *session) newOrder(ctx context.Context, n *note) (acme.Order, error) {
	order, err := s.postOrder(ctx, n)
	f := (*failure)(nil)
	if errors.As(err, &f) && s.accountLost(ctx, f) {
		s.log.Warn("the CA does not take our account any more, so a new one is made", "error", err)
		if err := s.logIn(ctx, true); err != nil {
			return order, err
		}
		order, err = s.postOrder(ctx, n)
	}
	if n.Replaces != "" && errors.As(err, &f) && f.dislikesReplaces() {
		if f.kind == theirs { // it may have been placed all the same
			if address := s.findOrder(ctx, n.Names); address != "" {
				order, _, err := s.getOrder(ctx, address)
				return order, err
			}
		}
		s.log.Info("the CA does not take this as a renewal, so it is ordered as a new certificate", "error", err)
		n.Replaces = ""
		if err := saveNote(s.folder, n); err != nil {
			return order, failed("", "The order could not be written down: %v.", err)
		}
		order, err = s.postOrder(ctx, n)
	}
	if errors.As(err, &f) && f.kind != theirs {
		_ = dropNote(s.folder) // refused: there is no order to look for
	}
	return order, err
}

// accountLost reports whether an order was refused because of our account.
func (s *session) accountLost(ctx context.Context, f *failure) bool {
	if f.problem == "accountDoesNotExist" {
		return true
	}
	if f.problem != "unauthorized" {
		return false
	}
	_, err := s.accountByKey(ctx, s.account.PrivateKey)
	return errors.As(err, &f) && (f.problem == "accountDoesNotExist" || f.problem == "unauthorized")
}

// dislikesReplaces reports whether a CA may have refused an order only for what
// it replaces (RFC 9773, section 5).
func (f *failure) dislikesReplaces() bool {
	switch f.problem {
	case "alreadyReplaced", "malformed", "unauthorized":
		return true
	}
	// Pebble answers 500 for a certificate that it does not know.
	return f.status == http.StatusConflict || f.status == http.StatusNotFound || f.status == http.StatusInternalServerError
}

func (s *session) postOrder(ctx context.Context, n *note) (order acme.Order, err error) {
	wanted := acme.Order{Profile: n.Profile, Replaces: n.Replaces}
	for _, name := range n.Names {
		wanted.Identifiers = append(wanted.Identifiers, acme.Identifier{Type: "dns", Value: name})
	}
	a := &ask{once: true}
	err = s.do(ctx, "ordering the certificate", a, func(ctx context.Context) error {
		var err error
		order, err = s.client.NewOrder(ctx, s.account, wanted)
		if err == nil && !isHTTPS(order.Location) {
			err = errors.New("the order has no address")
		}
		return err
	})
	return order, err
}

// drive leads an order to its certificate, and writes that to n.
func (s *session) drive(ctx context.Context, r Request, n *note, order acme.Order) error {
	pending := 0
	begun := time.Now()
	pause := s.i.pace
	for {
		if order.Status != acme.StatusPending {
			s.i.sweep(ctx, nil)
		}
		var wait time.Time
		var err error
		switch order.Status {
		case acme.StatusPending:
			if pending++; pending > maxRounds {
				return failed("Nothing: it is tried again.", "The CA keeps asking for more proofs than it named.")
			}
			err = s.prove(ctx, n, order)
		case acme.StatusReady:
			err = s.finalize(ctx, r, order)
		case acme.StatusProcessing:
			if time.Since(begun) > processTime {
				return &failure{kind: here, Fault: Fault{
					Text: "The CA is still at work on the certificate.", Action: "Nothing: it is fetched when it is ready.",
					NotBefore: time.Now().Add(slowWait),
				}}
			}
			if err = rest(ctx, pause); err == nil {
				pause = min(2*pause, 20*s.i.pace)
			}
		case acme.StatusValid:
			return s.fetch(ctx, r, n, order)
		case acme.StatusInvalid:
			return s.lost(ctx, order)
		default:
			return &failure{kind: theirs, Fault: Fault{Text: fmt.Sprintf("The CA says of the order that it is %q, which is not known here.", clean(order.Status, 40))}}
		}
		if err != nil {
			return err
		}
		address := n.URL
		if order, wait, err = s.getOrder(ctx, address); err != nil {
			return err
		}
		if wait.After(time.Now()) && order.Status == acme.StatusProcessing {
			pause = min(time.Until(wait), time.Minute)
		}
	}
}

// lost drops an order that is invalid, and says why it is.
func (s *session) lost(ctx context.Context, order acme.Order) error {
	f := &failure{kind: unproved, Fault: Fault{Text: "The CA has given the order up.", Action: "Nothing: it is tried again."}}
	if order.Error != nil && order.Error.Type != "" {
		f = ofProblem(*order.Error, new(ask), "issuing the certificate")
	}
	for _, address := range order.Authorizations[:min(len(order.Authorizations), maxNames)] {
		authz, err := s.authorization(ctx, address)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil && authz.Status == acme.StatusInvalid {
			f = refusedProof(authz)
			break
		}
	}
	if err := dropNote(s.folder); err != nil {
		s.log.Warn("an order that is over could not be forgotten", "error", err)
	}
	return f
}
