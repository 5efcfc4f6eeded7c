package main

// Who writes the TXT records by which the names of the certificate are proved:
// the accounts of [[ddns]] and of [[certificate.acme.dns]].

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/acme"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
)

// writeTime bounds one change at a provider: some log in, look, change and
// publish, each a request of its own.
const writeTime = 90 * time.Second

// certAccount is an account at a DNS provider, and the domain that it is for.
type certAccount struct {
	provider.Account
	// Domain is canonical; it may begin with "*.".
	Domain string
	// Only is whether it is there for TXT records alone, and so goes before those
	// that keep addresses, whose keys may not be good for these records.
	Only bool
}

// certRecords implements acme.Records over accounts. Its errors are *acme.Fault.
type certRecords struct{ writers []certWriter }

// certWriter is an account as certRecords uses it.
type certWriter struct {
	account string // for people
	domain  string
	only    bool
	txt     provider.TXTWriter // nil where it cannot
	why     error              // why it cannot
}

// newCertRecords returns what writes the TXT records at the accounts, those that
// come first before those that come later. Accounts at providers that keep no
// TXT records may be among them. An error is a mistake in the config, without
// secrets. Call it before anything runs, as provider.New says.
func newCertRecords(cfg provider.Config, accounts []certAccount) (*certRecords, error) {
	r := &certRecords{}
	for _, a := range accounts {
		domain := strings.TrimPrefix(strings.TrimSuffix(a.Domain, "."), "*.")
		w := certWriter{account: fmt.Sprintf("%s (%s)", a.Domain, a.Provider), domain: domain, only: a.Only}
		var fault *provider.Fault
		txt, err := provider.NewTXT(cfg, a.Domain, a.Account)
		switch {
		case err == nil:
			w.txt = txt
		case errors.As(err, &fault):
			w.why = fault
		default:
			return nil, fmt.Errorf("setting up the account of %s: %w", a.Domain, err)
		}
		r.writers = append(r.writers, w)
	}
	return r, nil
}

// inDomain reports whether name is domain or below it.
func inDomain(name, domain string) bool {
	return name == domain || strings.HasSuffix(name, "."+domain)
}

// writer chooses the account for a name: the one whose domain is the longest
// that holds the name, those that are for TXT records alone before the others;
// else the one whose zone is.
func (r *certRecords) writer(name string) (certWriter, error) {
	var best certWriter
	var refused error
	most := 0
	for _, w := range r.writers {
		// A domain outdoes every zone, as a person has written it for that name.
		rank := 0
		switch {
		case inDomain(name, w.domain) && w.only:
			rank = 512 + len(w.domain)
		case inDomain(name, w.domain):
			rank = 256 + len(w.domain)
		case w.txt != nil && inDomain(name, w.txt.TXTZone()):
			rank = len(w.txt.TXTZone())
		}
		if w.txt == nil {
			if rank > 0 && refused == nil {
				refused = w.why
			}
			continue
		}
		if rank > most {
			best, most = w, rank
		}
	}
	if most > 0 {
		return best, nil
	}
	if refused != nil {
		return best, &acme.Fault{Text: fmt.Sprintf("no account can write the TXT record %s: %v", name, refused),
			Action: fmt.Sprintf("Add a [[certificate.acme.dns]] table for a zone that can be written, and lead %s there with a CNAME record; or prove the names by http-01.", name)}
	}
	return best, &acme.Fault{Text: fmt.Sprintf("no [[ddns]] or [[certificate.acme.dns]] table can write the TXT record %s%s", name, r.others()),
		Action: "Add a [[certificate.acme.dns]] table for its zone, or prove the names by http-01."}
}

// others says for which names there are accounts.
func (r *certRecords) others() string {
	var list []string
	for _, w := range r.writers {
		if list = append(list, w.account); len(list) == 8 {
			break
		}
	}
	if len(list) == 0 {
		return ": there is none"
	}
	return ": there are those of " + strings.Join(list, ", ")
}

// Single implements acme.Records.
func (r *certRecords) Single(name string) (bool, error) {
	w, err := r.writer(name)
	if err != nil {
		return false, err
	}
	return w.txt.SingleTXT(), nil
}

// Add implements acme.Records.
func (r *certRecords) Add(ctx context.Context, name, value string) error {
	return r.change(ctx, name, "writing", func(ctx context.Context, w provider.TXTWriter) error { return w.AddTXT(ctx, name, value) })
}

// Remove implements acme.Records.
func (r *certRecords) Remove(ctx context.Context, name, value string) error {
	return r.change(ctx, name, "removing", func(ctx context.Context, w provider.TXTWriter) error { return w.RemoveTXT(ctx, name, value) })
}

// change has the account of name change something.
func (r *certRecords) change(ctx context.Context, name, doing string, f func(context.Context, provider.TXTWriter) error) error {
	w, err := r.writer(name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	err = f(ctx, w.txt)
	if err == nil {
		return nil
	}
	said := &acme.Fault{Text: fmt.Sprintf("%s the TXT record %s by the account of %s: %v", doing, name, w.account, err)}
	if fault := (*provider.Fault)(nil); errors.As(err, &fault) {
		said.Action = fault.Action
		if fault.Wait > 0 {
			said.NotBefore = time.Now().Add(fault.Wait)
		}
	}
	return said
}
