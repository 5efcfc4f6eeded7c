package acme

// What went wrong, of which kind it is, and how that is said.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mholt/acmez/v3/acme"
)

// kind is a kind of failure, by who has to do something.
type kind int

const (
	// here: something at our end, before the CA had to judge.
	here kind = iota
	// theirs: the CA was not reached, or is out of order.
	theirs
	// refused: the CA judged, and said no.
	refused
	// unproved: it looked for the proof of a name and did not find it, which it
	// counts.
	unproved
)

// failure is a Fault and its kind.
type failure struct {
	Fault
	kind kind
	// problem is the type of the CA's problem without its prefix; empty where
	// there was none. status is that of its answer.
	problem string
	status  int
}

// failed makes a failure at our end.
func failed(action, format string, values ...any) *failure {
	return &failure{Fault: Fault{Text: fmt.Sprintf(format, values...), Action: action}}
}

// statusError is an answer of a server that explains nothing.
type statusError struct {
	status int
	retry  time.Time
}

// Error implements error.
func (e *statusError) Error() string {
	return fmt.Sprintf("the server answered with status %d", e.status)
}

// judge makes a failure of an error of the library, or of the wire below it.
// doing is what was being done, as in "ordering the certificate". An error that
// comes of ctx's end stays what it is.
func judge(ctx context.Context, err error, a *ask, doing string) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, context.Cause(ctx))
	}
	if f := (*failure)(nil); errors.As(err, &f) {
		return f
	}
	var problem acme.Problem
	if errors.As(err, &problem) && problem.Type != "" {
		return ofProblem(problem, a, doing)
	}
	f := &failure{kind: theirs, status: a.status, Fault: Fault{NotBefore: soon(a.retry)}}
	switch {
	case a.status == http.StatusTooManyRequests:
		f.problem = "rateLimited"
		f.Fault = rateLimited("", a.retry)
		f.kind = refused
	case a.status == http.StatusNotFound || a.status == http.StatusGone:
		f.Text = fmt.Sprintf("The CA does not know what was asked of it (%s).", doing)
	case a.status >= http.StatusBadRequest:
		f.Text = fmt.Sprintf("The CA's server is out of order: it answered with status %d (%s).", a.status, doing)
		f.Action = "Nothing: it is tried again. The CA's own status page says more."
	case a.status != 0:
		f.Text = fmt.Sprintf("The CA's server gave an answer that makes no sense (%s).", doing)
		f.Action = "If this stays so, see whether certificate.acme.server is the address of an ACME directory."
	default:
		f.Text = fmt.Sprintf("The CA's server could not be reached (%s): %s.", doing, clean(reason(err), 160))
		f.Action = "See whether this host reaches the Internet; it is tried again."
	}
	return f
}

// soon keeps the moment at which a CA that is out of order wants to be asked
// again within a day; zero stays zero.
func soon(at time.Time) time.Time {
	if most := time.Now().Add(maxWait); at.After(most) {
		return most
	}
	return at
}

// reason is the innermost error's text: the outer ones repeat URLs.
func reason(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return strings.TrimSuffix(err.Error(), ".")
		}
		err = inner
	}
}

// rateLimited says that a limit is reached. A CA that says nothing of when is
// asked again after an hour.
func rateLimited(detail string, at time.Time) Fault {
	if at.IsZero() {
		at = time.Now().Add(time.Hour)
	}
	if least := time.Now().Add(time.Minute); at.Before(least) {
		at = least
	}
	f := Fault{Text: "The CA's limit on requests is reached", NotBefore: at, Action: "Nothing: it is tried again when the CA allows it."}
	if detail != "" {
		f.Text += ": " + detail
	}
	f.Text += "."
	return f
}

// words are what to say of a CA's problems (RFC 8555, section 6.7).
var words = map[string]struct {
	kind         kind
	text, action string
}{
	"accountDoesNotExist":     {refused, "The CA does not know our account", "Nothing: a new one is made."},
	"alreadyReplaced":         {refused, "The CA says that this certificate was renewed already", "Nothing: it is ordered without saying which one it renews."},
	"badCSR":                  {refused, "The CA does not accept the key, or the names, of the certificate", "Choose another certificate.key; a CA may also refuse a key that is known to others."},
	"badNonce":                {theirs, "The CA did not accept one request after another as fresh", "Nothing: it is tried again. A proxy between this host and the CA can be the cause."},
	"badPublicKey":            {refused, "The CA does not accept the kind of key", "Choose another certificate.key."},
	"badSignatureAlgorithm":   {refused, "The CA does not accept how our requests are signed", "This CA cannot be used; choose another one."},
	"caa":                     {unproved, "The domain's CAA records forbid this CA to issue", "Add a CAA record for this CA, or remove those that are there."},
	"compound":                {refused, "The CA refuses for several reasons", ""},
	"connection":              {unproved, "The CA could not connect to port 80 of the public address", "See whether port 80 can be forwarded, and is not blocked by the provider; or use dns-01."},
	"dns":                     {unproved, "The CA could not look the name up, or did not find the TXT record", "See whether the domain's name servers answer, and whether DNSSEC is in order."},
	"externalAccountRequired": {refused, "The CA wants an account that it knows already", "Get a key id and a key from the CA, and set certificate.acme.eab_key_id and eab_key."},
	"incorrectResponse":       {unproved, "The CA found another proof than the right one", "See whether another program writes the same TXT record, or answers on port 80."},
	"invalidContact":          {refused, "The CA does not accept the e-mail address", "Correct certificate.acme.email, or leave it out."},
	"malformed":               {refused, "The CA did not understand a request", "If this stays so, it is a fault of this program, or of the CA."},
	"orderNotReady":           {refused, "The CA does not have all proofs yet", "Nothing: it is tried again."},
	"rejectedIdentifier":      {refused, "The CA does not issue for one of these names", "Take the name out of certificate.names, or choose another CA."},
	"serverInternal":          {theirs, "The CA's server is out of order", "Nothing: it is tried again. The CA's own status page says more."},
	"tls":                     {unproved, "The CA could not speak TLS with the public address", "Use dns-01."},
	"unauthorized":            {unproved, "The CA did not find the proof of a name, or does not let us", "See whether the name's records lead here, and whether another program writes the same TXT record."},
	"unsupportedContact":      {refused, "The CA does not accept this kind of contact", "Leave certificate.acme.email out."},
	"unsupportedIdentifier":   {refused, "The CA does not issue for names of this kind", "Take the name out of certificate.names, or choose another CA."},
	"userActionRequired":      {refused, "The CA wants a person to do something first, as a rule to accept new terms", "Read what the CA says at the address of its directory."},
	"invalidProfile":          {refused, "The CA does not have this profile for us", "Correct certificate.acme.profile, or leave it out."},
}

// ofProblem makes a failure of a CA's problem document. The words that the CA
// itself uses follow ours.
func ofProblem(p acme.Problem, a *ask, doing string) *failure {
	name := strings.TrimPrefix(p.Type, acme.ProblemTypeNamespace)
	f := &failure{problem: name, status: p.Status, kind: refused}
	detail := details(p)
	if name == "rateLimited" || p.Status == http.StatusTooManyRequests {
		f.problem, f.Fault = "rateLimited", rateLimited(detail, a.retry)
		return f
	}
	w, ok := words[name]
	if !ok {
		w.kind, w.text = refused, "The CA refused for a reason that is not known here"
		if p.Status >= http.StatusInternalServerError {
			w.kind = theirs
		}
		f.problem = clean(name, 40)
	}
	f.kind, f.Text, f.Action = w.kind, w.text+" ("+doing+")", w.action
	if f.kind == theirs {
		f.NotBefore = soon(a.retry)
	}
	if detail != "" {
		f.Text += ": " + strings.TrimRight(detail, ".")
	}
	f.Text += "."
	return f
}

// details are the CA's own words, with those of at most three of the problems
// within.
func details(p acme.Problem) string {
	list := []string{}
	if text := clean(p.Detail, maxForeign); text != "" {
		list = append(list, text)
	}
	for _, sub := range p.Subproblems[:min(3, len(p.Subproblems))] {
		text := clean(sub.Detail, maxForeign/3)
		if name := clean(sub.Identifier.Value, 80); name != "" {
			text = name + ": " + text
		}
		list = append(list, text)
	}
	return clean(strings.Join(list, "; "), 2*maxForeign)
}

// Error, of the embedded Fault, implements error; As gives the Fault out.
func (f *failure) As(target any) bool {
	if t, ok := target.(**Fault); ok {
		*t = &f.Fault
		return true
	}
	return false
}
