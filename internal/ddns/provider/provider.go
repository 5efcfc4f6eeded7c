package provider

// What is asked of a provider, and how a provider says no.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Provider writes one name's records at one DDNS provider. The adaptors in this
// package implement it; an implementation holds its own secrets and must keep
// them out of its errors. It is called by one goroutine at a time.
type Provider interface {
	// Set makes addr the one record of its family (A for an IPv4 address, AAAA
	// for an IPv6 one) at domain, within ctx, and leaves the other family as it
	// is. It returns the address that the provider says the record now has; the
	// zero Addr where the provider does not say. An error that is no *Fault
	// leaves open whether the write happened.
	Set(ctx context.Context, domain string, addr netip.Addr) (shown netip.Addr, err error)
	// Delete removes the record of domain that has the type of addr's family
	// and, where the provider can tell, only if it says addr. One that is not
	// there is no error. Errors are as for Set; a provider that has no way to
	// delete one family alone returns a *Fault of kind Final that says so, and
	// changes nothing.
	Delete(ctx context.Context, domain string, addr netip.Addr) error
}

// FaultKind says what a failed write means for the next one.
type FaultKind uint8

// The kinds of faults.
const (
	// Unclear means that nobody knows whether the write happened: the
	// connection broke, or the provider had an internal error.
	Unclear FaultKind = iota
	// Failed means that the write did not happen and may be repeated later.
	Failed
	// Limited means that the provider wants fewer requests; Fault.Wait says
	// for how long it wants none.
	Limited
	// Doubtful means a refusal that may be a mistake of the provider's, or
	// final. Repeated in a row, it is taken as final.
	Doubtful
	// Final means a refusal that repeating could only make worse: a bad token,
	// a name that is not ours, abuse.
	Final
)

// Fault is a write that failed. Its text holds no secret and nothing that a
// terminal would obey.
type Fault struct {
	Kind FaultKind
	// Wait is how long the provider asked to be left alone; zero where it did
	// not say. It is at most a day.
	Wait time.Duration
	// Text says what happened, in words.
	Text string
	// Action is what a person can do about it; may be empty.
	Action string
}

// Error implements error.
func (f *Fault) Error() string { return f.Text }

// Proxier is what an adaptor implements whose provider can stand in front of
// a record as a proxy.
type Proxier interface {
	// Proxied reports whether the last answer that spoke of the record said
	// that it is proxied: it then resolves to the provider's addresses, and only
	// what the proxy understands gets through. It is called by the goroutine
	// that calls Set.
	Proxied() bool
}

// makers make the adaptors, by the word of their kind.
var makers = map[string]func(cfg Config, domain string, a Account) (Provider, error){
	"cloudflare": newCloudflare,
	"duckdns":    newDuckDNS,
	"rfc2136":    newRFC2136,
	"desec":      newDeSEC,
	"porkbun":    newPorkbun,
	"ovh":        newOVH,
	"netcup":     newNetcup,
	"ionos":      newIONOS,
}

// New makes the adaptor for domain's records, where a says. An error is a
// mistake in the configuration, without secrets.
//
// Where the provider is DuckDNS or netcup, New replaces http.DefaultClient for
// the whole process (see defaultclient.go), so call it before anything else
// runs.
func New(cfg Config, domain string, a Account) (Provider, error) {
	kind, ok := KindOf(a.Provider)
	if !ok {
		return nil, fmt.Errorf("provider %q of %s is not known", a.Provider, domain)
	}
	domain = strings.TrimSuffix(domain, ".")
	if err := kind.lacks(domain, a); err != nil {
		return nil, err
	}
	if service, ok := dynServices[kind.Word]; ok {
		return newDyn(cfg, service, domain, a)
	}
	return makers[kind.Word](cfg, domain, a)
}

// guard runs f and makes an error of a panic: the libraries have some on odd
// answers, and one record's provider must not take the daemon down.
func guard(name string, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &Fault{Text: fmt.Sprintf("the client library of %s failed on the provider's answer: %v", name, r)}
		}
	}()
	return f()
}

// asFault is err as a *Fault; what is none leaves open whether the write
// happened.
func asFault(err error) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return &Fault{Text: err.Error()}
}
