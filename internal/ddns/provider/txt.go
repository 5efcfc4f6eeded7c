package provider

// TXT records, by which a CA has the control of a name proved (RFC 8555,
// section 8.4), on the accounts that keep the addresses.

import (
	"context"
	"fmt"
	"strings"
)

// TXTWriter writes TXT records in a public zone. The adaptors of this package
// whose Kind has TXT implement it. It is called by one goroutine at a time. A
// value is of 1 to 255 printable ASCII characters without quotes and
// backslashes, as those of ACME are; a name is canonical, without a final dot.
// Errors are *Fault without secrets, as those of Provider.
type TXTWriter interface {
	// AddTXT adds value to the TXT records of name and leaves those with other
	// values as they are, unless SingleTXT. A value that is there already is no
	// error.
	AddTXT(ctx context.Context, name, value string) error
	// RemoveTXT takes the record of name with that value away, and no other. One
	// that is not there is no error.
	RemoveTXT(ctx context.Context, name, value string) error
	// SingleTXT reports whether the provider keeps one TXT record for all names
	// of TXTZone together: AddTXT then replaces whatever it says, and RemoveTXT
	// clears it.
	SingleTXT() bool
	// TXTZone is the zone in which names can be written, itself among them;
	// canonical.
	TXTZone() string
}

// NewTXT makes the adaptor for TXT records in the zone of domain, of the same
// account as New takes. An error is a mistake in the configuration, without
// secrets; where the provider keeps no TXT records it is a *Fault of kind Final
// that names those which do. What New says of http.DefaultClient holds here.
func NewTXT(cfg Config, domain string, a Account) (TXTWriter, error) {
	p, err := New(cfg, domain, a)
	if err != nil {
		return nil, err
	}
	if w, ok := p.(TXTWriter); ok {
		return w, nil
	}
	return nil, &Fault{Kind: Final,
		Text:   fmt.Sprintf("the provider %s of %s keeps addresses only, and no TXT records", a.Provider, strings.TrimSuffix(domain, ".")),
		Action: "Use a provider that keeps TXT records (" + strings.Join(txtWords(), ", ") + ")."}
}

// txtWords are the words of the providers that keep TXT records.
func txtWords() (words []string) {
	for _, k := range kinds {
		if k.TXT {
			words = append(words, k.Word)
		}
	}
	return words
}
