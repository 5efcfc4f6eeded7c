package acme

// DNS-01 (RFC 8555, section 8.4): a TXT record for each name, seen by all before
// the CA is told to look.

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/tidy"
)

const (
	// defaultPropagation is Config.Propagation where that is zero.
	defaultPropagation = 30 * time.Minute
	// grace is how long servers that do not answer are waited for.
	grace = 2 * time.Minute
	// firstLook and mostLook are the waits between looks at the servers.
	firstLook, mostLook = 2 * time.Second, 30 * time.Second
	// singleRest is how long caches may hold the TXT record of another name,
	// where all names share one: a minute, as at DuckDNS, and some more.
	singleRest = 65 * time.Second
)

// dnsProof is a proof with the record that makes it.
type dnsProof struct {
	proof
	txt
}

// proveDNS proves names by TXT records: all together where each can have its
// own, one after the other where they share one.
func (s *session) proveDNS(ctx context.Context, n *note, proofs []proof) error {
	together, alone, err := s.targets(ctx, n, proofs)
	if err != nil {
		return err
	}
	wanted := slices.Concat(together, alone)
	again := len(s.i.written) > 0
	s.i.sweep(ctx, func(t txt) bool {
		return slices.ContainsFunc(wanted, func(p dnsProof) bool { return p.txt.same(t) })
	})
	if len(together) > 0 {
		if err := s.proveGroup(ctx, n, together, false, false); err != nil {
			return err
		}
	}
	for _, p := range alone {
		if err := s.proveGroup(ctx, n, []dnsProof{p}, true, again); err != nil {
			return err
		}
		again = true
	}
	return nil
}

// targets finds where the record of each proof is to be written, and which of
// those places hold only one value.
func (s *session) targets(ctx context.Context, n *note, proofs []proof) (together, alone []dnsProof, err error) {
	for _, p := range proofs {
		name := "_acme-challenge." + p.base
		target, err := s.cfg.Names.Target(ctx, name)
		if err != nil {
			if ctx.Err() != nil {
				return nil, nil, context.Cause(ctx)
			}
			return nil, nil, failed("See whether the configured DNS servers can be reached.", "It could not be seen whether %s is an alias: %s.", name, clean(err.Error(), 160))
		}
		single, err := s.cfg.Records.Single(target)
		if err != nil {
			return nil, nil, unwritable(target, err)
		}
		d := dnsProof{p, txt{Name: target, Value: p.challenge.DNS01KeyAuthorization(), Order: n.URL}}
		if single {
			alone = append(alone, d)
		} else {
			together = append(together, d)
		}
	}
	return together, alone, nil
}

func unwritable(name string, err error) *failure {
	return failed("Add the domain's provider to the config (certificate.acme.dns), or make _acme-challenge an alias (CNAME) of a name that can be written.",
		"Nobody here can write a TXT record at %s: %s.", name, clean(err.Error(), 200))
}

// proveGroup writes the records of a group, waits until all see them, has the CA
// look, and takes them away again, whatever happens.
func (s *session) proveGroup(ctx context.Context, n *note, group []dnsProof, single, again bool) error {
	defer s.i.sweep(ctx, func(t txt) bool { return !slices.ContainsFunc(group, func(p dnsProof) bool { return p.txt.same(t) }) })
	values := map[string][]string{}
	var names []string // in order
	for _, p := range group {
		if err := s.write(ctx, p.txt); err != nil {
			return err
		}
		if values[p.Name] == nil {
			names = append(names, p.Name)
		}
		values[p.Name] = append(values[p.Name], p.Value)
	}
	bound := s.cfg.Propagation
	if bound <= 0 {
		bound = defaultPropagation
	}
	until := time.Now().Add(bound)
	for _, name := range names {
		if err := waitShown(ctx, s.cfg.Names, name, values[name], single, until); err != nil {
			return err
		}
	}
	if single && again {
		if err := rest(ctx, s.i.singleRest); err != nil {
			return err
		}
	}
	proofs := make([]proof, 0, len(group))
	for _, p := range group {
		proofs = append(proofs, p.proof)
	}
	return s.tell(ctx, n, proofs)
}

// write writes a record, unless it is noted and there since before a crash:
// adding it once more could make it stand there twice.
func (s *session) write(ctx context.Context, t txt) error {
	if slices.ContainsFunc(s.i.written, t.same) {
		views, err := s.cfg.Names.TXT(ctx, t.Name)
		if err == nil && slices.ContainsFunc(views, func(v View) bool { return v.Err == nil && slices.Contains(v.Values, t.Value) }) {
			return nil
		}
	}
	if err := s.i.add(ctx, t); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return failed("See whether the provider's token may change TXT records, and whether its service works.",
			"The TXT record at %s could not be written: %s.", t.Name, clean(err.Error(), 200))
	}
	return nil
}

// waitShown waits until every server shows values at name, and nothing else
// where exact. Servers that do not answer are left alone after a while, where
// most others show them.
func waitShown(ctx context.Context, names Names, name string, values []string, exact bool, until time.Time) error {
	begun, pause := time.Now(), firstLook
	for {
		views, err := names.TXT(ctx, name)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		shown := look(views, values, exact)
		if err == nil && shown.enough(time.Since(begun) >= grace) {
			return nil
		}
		if left := time.Until(until); left <= 0 {
			return shown.late(name, err)
		} else if err := rest(ctx, min(pause, left)); err != nil {
			return err
		}
		pause = min(pause*3/2, mostLook)
	}
}

// sight is what servers show, counted.
type sight struct {
	good    int
	old     []string // servers that show something else
	unknown []string // servers that did not answer
}

func look(views []View, values []string, exact bool) (s sight) {
	for _, v := range views {
		missing := slices.ContainsFunc(values, func(value string) bool { return !slices.Contains(v.Values, value) })
		more := exact && slices.ContainsFunc(v.Values, func(value string) bool { return !slices.Contains(values, value) })
		switch {
		case v.Err != nil:
			s.unknown = append(s.unknown, v.Server)
		case missing || more:
			s.old = append(s.old, v.Server)
		default:
			s.good++
		}
	}
	return s
}

// enough reports whether the CA may be told; patient is whether those who do
// not answer have been waited for.
func (s sight) enough(patient bool) bool {
	return len(s.old) == 0 && s.good > 0 && (len(s.unknown) == 0 || patient && len(s.unknown) < s.good)
}

// late says who does not show a record in time.
func (s sight) late(name string, err error) *failure {
	text := fmt.Sprintf("The TXT record at %s was written, but not every server shows it in time, so the CA was not told to look.", name)
	switch {
	case len(s.old) > 0:
		text += " Something else is shown by " + servers(s.old) + "."
	case len(s.unknown) > 0:
		text += " No answer came from " + servers(s.unknown) + "."
	case err != nil:
		text += " The last look ended with: " + clean(err.Error(), 160) + "."
	}
	return failed("See whether the domain's name servers all work; a slow provider needs a longer certificate.acme.propagation_seconds.", "%s", text)
}

// servers lists at most three servers for people.
func servers(list []string) string {
	text := make([]string, 0, 4)
	for _, name := range list[:min(3, len(list))] {
		text = append(text, tidy.Line(name, 80))
	}
	if len(list) > 3 {
		text = append(text, fmt.Sprintf("%d more", len(list)-3))
	}
	return strings.Join(text, ", ")
}
