package acme

// Proving the names of an order.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mholt/acmez/v3/acme"
)

// proveTime bounds how long the CA is watched looking for a proof.
const proveTime = 5 * time.Minute

// proof is one name that is to be proved.
type proof struct {
	authz     acme.Authorization
	challenge acme.Challenge
	base      string // the name without *
}

// waits reports whether the CA is yet to be told to look.
func (p proof) waits() bool {
	return p.challenge.Status == acme.StatusPending || p.challenge.Status == ""
}

func (s *session) authorization(ctx context.Context, address string) (authz acme.Authorization, err error) {
	err = s.do(ctx, "asking for a name's proof", &ask{}, func(ctx context.Context) (err error) {
		if !isHTTPS(address) {
			return errPlain
		}
		authz, err = s.client.GetAuthorization(ctx, s.account, address)
		return err
	})
	return authz, err
}

// prove proves what the CA does not know yet of the names of order.
func (s *session) prove(ctx context.Context, n *note, order acme.Order) error {
	if len(order.Authorizations) == 0 || len(order.Authorizations) > maxNames {
		return &failure{kind: theirs, Fault: Fault{Text: "The CA's order does not say what is to be proved."}}
	}
	var proofs []proof
	for _, address := range order.Authorizations {
		authz, err := s.authorization(ctx, address)
		if err != nil {
			return err
		}
		switch authz.Status {
		case acme.StatusValid:
		case acme.StatusPending:
			p, err := s.proofOf(n, authz)
			if err != nil {
				return err
			}
			proofs = append(proofs, p)
		default: // invalid, deactivated, expired, revoked
			return s.lost(ctx, order)
		}
	}
	if len(proofs) == 0 {
		return nil
	}
	var err error
	if s.cfg.Challenge == HTTP01 {
		err = s.proveHTTP(ctx, n, proofs)
	} else {
		err = s.proveDNS(ctx, n, proofs)
	}
	if f := (*failure)(nil); errors.As(err, &f) && f.kind == unproved {
		// One proof that failed ends its order (RFC 8555, section 7.1.6).
		if err := dropNote(s.folder); err != nil {
			s.log.Warn("an order that is over could not be forgotten", "error", err)
		}
	}
	return err
}

// proofOf finds our challenge among those of a pending authorization.
func (s *session) proofOf(n *note, authz acme.Authorization) (proof, error) {
	base := strings.TrimPrefix(authz.Identifier.Value, "*.")
	if !slices.Contains(n.Names, base) && !slices.Contains(n.Names, "*."+base) {
		return proof{}, &failure{kind: theirs, Fault: Fault{Text: fmt.Sprintf("The CA wants %s proved, which was not ordered.", clean(base, 80))}}
	}
	kinds := []string{}
	for _, c := range authz.Challenges {
		if c.Type == string(s.cfg.Challenge) && isHTTPS(c.URL) && isToken(c.Token) {
			return proof{authz, c, base}, nil
		}
		kinds = append(kinds, clean(c.Type, 20))
	}
	return proof{}, &failure{kind: refused, Fault: Fault{
		Text:   fmt.Sprintf("The CA does not let %s be proved by %s, only by: %s.", base, s.cfg.Challenge, clean(strings.Join(kinds, ", "), 100)),
		Action: "Choose another certificate.acme.challenge.",
	}}
}

// isToken reports whether text is a token of a challenge (RFC 8555, section
// 8.1): it becomes part of a path.
func isToken(text string) bool {
	return text != "" && len(text) <= 256 && !strings.ContainsFunc(text, func(r rune) bool { return !isBase64(r) })
}

// tell has the CA look for the proofs, which are in place, and watches until it
// has found them all or not found one.
func (s *session) tell(ctx context.Context, n *note, proofs []proof) error {
	if !n.Told {
		n.Told = true
		if err := saveNote(s.folder, n); err != nil {
			return failed("Make room, and see to it that the state folder can be written.", "The state of the order could not be written down: %v.", err)
		}
	}
	for _, p := range proofs {
		if !p.waits() {
			continue
		}
		err := s.do(ctx, "having "+p.base+" looked at", &ask{}, func(ctx context.Context) error {
			_, err := s.client.InitiateChallenge(ctx, s.account, p.challenge)
			return err
		})
		if f := (*failure)(nil); errors.As(err, &f) && f.problem == "malformed" {
			continue // it is being looked at already; what became of it is seen below
		}
		if err != nil {
			return err
		}
	}
	for _, p := range proofs {
		if err := s.watch(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// watch waits until the CA has judged p.
func (s *session) watch(ctx context.Context, p proof) error {
	pause := s.i.pace
	for begun := time.Now(); time.Since(begun) < proveTime; {
		if err := rest(ctx, pause); err != nil {
			return err
		}
		a := new(ask)
		var authz acme.Authorization
		err := s.do(ctx, "asking for a name's proof", a, func(ctx context.Context) (err error) {
			authz, err = s.client.GetAuthorization(ctx, s.account, p.authz.Location)
			return err
		})
		if err != nil {
			return err
		}
		switch authz.Status {
		case acme.StatusPending, acme.StatusProcessing:
		case acme.StatusValid:
			return nil
		default:
			return refusedProof(authz)
		}
		pause = min(2*pause, 20*s.i.pace)
		if wait := time.Until(a.retry); wait > 0 {
			pause = min(wait, 30*time.Second)
		}
	}
	return &failure{kind: here, Fault: Fault{
		Text:      fmt.Sprintf("The CA has not said yet whether it found the proof of %s.", p.base),
		Action:    "Nothing: the order is kept, and looked at again.",
		NotBefore: time.Now().Add(slowWait),
	}}
}

// refusedProof says why an authorization failed.
func refusedProof(authz acme.Authorization) *failure {
	name := clean(authz.Identifier.Value, 80)
	for _, c := range authz.Challenges {
		if c.Error != nil && c.Error.Type != "" {
			f := ofProblem(*c.Error, new(ask), "proving "+name)
			if f.kind == refused {
				f.kind = unproved
			}
			return f
		}
	}
	return &failure{kind: unproved, Fault: Fault{
		Text:   fmt.Sprintf("The CA does not take %s for proved: it says %q.", name, clean(authz.Status, 40)),
		Action: "Nothing: it is tried again.",
	}}
}
