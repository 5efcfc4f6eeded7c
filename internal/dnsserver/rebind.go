package dnsserver

// Going from one set of addresses to another, and what status says of them.

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// rebind puts r in force with the addresses that it asks for, or changes
// nothing and says which of them cannot be bound. Addresses of DNS over TLS,
// and those that this host does not have, are waited for.
func (s *Server) rebind(r *rules) error {
	b := &s.binder
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.listens {
		s.rules.Store(r)
		return nil
	}
	next, now := wants(r.cfg), time.Now()
	leaving := func(e *endpoint) bool { return !slices.Contains(next, e.want) }
	var opened []*endpoint
	var early []want // closed before their time, as something new needs the port
	failed := make(map[want]error)
	for _, w := range next {
		if b.find(w) != nil {
			continue
		}
		e, err := b.open(w)
		if errors.Is(err, syscall.EADDRINUSE) {
			inTheWay := func(e *endpoint) bool { return leaving(e) && overlap(e, w) }
			for _, e := range b.bound {
				if inTheWay(e) {
					early = append(early, e.want)
				}
			}
			s.drop(inTheWay)
			e, err = b.open(w)
		}
		switch {
		case err == nil:
			opened = append(opened, e)
		case w.tls || isAbsent(err):
			failed[w] = err
		default:
			for _, e := range opened {
				e.shut()
			}
			s.reopen(early, now)
			s.awaits()
			return err
		}
	}
	s.rules.Store(r)
	s.drop(leaving)
	clear(b.waiting)
	for _, e := range opened {
		s.take(e)
		s.log.Info("an address is listened on now", "listen", e.address(), "tls", e.tls)
	}
	for w, err := range failed {
		s.note(w, err, now)
	}
	s.awaits()
	return nil
}

// reopen binds again what was closed too early, with mu held.
func (s *Server) reopen(list []want, now time.Time) {
	for _, w := range list {
		if e, err := s.binder.open(w); err != nil {
			s.note(w, err, now)
		} else {
			s.take(e)
		}
	}
}

// overlap reports whether nobody can bind w while e is bound.
func overlap(e *endpoint, w want) bool {
	a, b := e.address(), w.addr
	same := a.Addr() == b.Addr() || a.Addr().Is4() == b.Addr().Is4() && (a.Addr().IsUnspecified() || b.Addr().IsUnspecified())
	return same && a.Port() == b.Port()
}

// listening returns what is bound, in the order of the config, and what is not.
func (s *Server) listening() (plain, tls []netip.AddrPort, waiting []WaitingAddress) {
	b := &s.binder
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.listens {
		return nil, nil, nil
	}
	for _, w := range wants(s.rules.Load().cfg) {
		e, d := b.find(w), b.waiting[w]
		switch {
		case e != nil && w.tls:
			tls = append(tls, e.address())
		case e != nil:
			plain = append(plain, e.address())
		case d == nil || !d.quiet:
			waiting = append(waiting, d.status(w))
		}
	}
	return plain, tls, waiting
}

// status says why w is not bound; d may be nil.
func (d *pending) status(w want) WaitingAddress {
	st := WaitingAddress{Address: w.addr, TLS: w.tls, Reason: "it is about to be bound"}
	if d == nil {
		return st
	}
	st.Absent, st.Reason = d.absent, d.err.Error()
	var bind *BindError
	if errors.As(d.err, &bind) {
		st.Reason = bind.advice()
	}
	return st
}

// certificateProblem says what is wrong with the certificate of DNS over TLS.
func (s *Server) certificateProblem() string {
	cfg := s.rules.Load().cfg
	if cfg.GetCertificate == nil || cfg.CertificateProblem == nil {
		return ""
	}
	return cfg.CertificateProblem()
}

// withListening adds to the link "dns" which addresses are not bound, and what
// is wrong with the certificate.
func withListening(link fact.Link, st Status, certificate string) fact.Link {
	var missing []string
	for _, w := range st.Waiting {
		what := w.Address.String()
		if w.TLS {
			what = "DNS over TLS on " + what
		}
		missing = append(missing, what)
		link.Evidence = append(link.Evidence, fmt.Sprintf("not listening on %s: %s", what, w.Reason))
	}
	if certificate != "" {
		link.Evidence = append(link.Evidence, "DNS over TLS: "+certificate)
	}
	switch {
	case len(st.Listen) == 0 && len(missing) > 0:
		link.Verdict = fact.VerdictFail
		link.Summary = fmt.Sprintf("the DNS server waits for %s, so it answers nobody yet", strings.Join(missing, ", "))
		link.Action = "check that this host has that address and that no other program holds the port, or correct listen in [dns]"
	case link.Verdict == fact.VerdictFail:
	case len(missing) > 0:
		link.Verdict = fact.Worse(link.Verdict, fact.VerdictWarn)
		link.Summary += fmt.Sprintf("; devices that ask at %s get no answer there yet", strings.Join(missing, ", "))
		link.Action = "check that this host has that address and that no other program holds the port, or correct listen and tls_listen in [dns]"
	case certificate != "":
		link.Verdict = fact.Worse(link.Verdict, fact.VerdictWarn)
		link.Summary += "; DNS over TLS goes on with the certificate from before"
		link.Action = "correct the files that tls_cert_file and tls_key_file in [dns] name"
	}
	return link
}
