package provider

// TXT records, by which a CA has the control of a name proved (RFC 8555,
// section 8.4), on the accounts that keep the addresses.

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/libdns/libdns"
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

// checkTXT returns a *Fault where a TXT record of that name and value is not one
// that TXTWriter speaks of.
func checkTXT(name, zone, value string) error {
	odd := func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }
	switch {
	case value == "", len(value) > 255, strings.ContainsFunc(value, odd):
		return &Fault{Kind: Final, Text: "the text of a TXT record is empty, too long or holds a character that is not written"}
	case name != zone && !strings.HasSuffix(name, "."+zone):
		return &Fault{Kind: Final, Text: fmt.Sprintf("%s is not in the zone %s", Clean(name), zone)}
	}
	return nil
}

// maxTexts bounds how many TXT records of one name are looked at.
const maxTexts = 32

// manyTexts is the refusal to look at so many.
func manyTexts(host, name string, n int) *Fault {
	return &Fault{Kind: Failed,
		Text:   fmt.Sprintf("%s has %d TXT records at %s, more than the %d that are looked at", name, n, host, maxTexts),
		Action: "Delete those that nobody needs any more at the provider's."}
}

// text is a TXT record as a keeper of records with ids has it.
type text struct{ id, content string }

// textKeeper is one conversation with such a keeper. A name is relative to the
// zone, "@" for the zone itself. Errors are as those of zoneClient.
type textKeeper interface {
	texts(ctx context.Context, zone, name string) ([]text, error)
	makeText(ctx context.Context, zone, name, value string) error
	dropText(ctx context.Context, zone, name string, t text) error
}

// textsOf are the records of a name that say value.
func textsOf(ctx context.Context, k textKeeper, zone, name, value string) (ours []text, err error) {
	list, err := k.texts(ctx, zone, name)
	if err != nil {
		return nil, err
	}
	if len(list) > maxTexts {
		return nil, manyTexts("the provider", libdns.AbsoluteName(name, zone), len(list))
	}
	for _, t := range list {
		if unquote(t.content) == value {
			ours = append(ours, t)
		}
	}
	return ours, nil
}

// addText makes the record unless there is one.
func addText(ctx context.Context, k textKeeper, zone, name, value string) error {
	ours, err := textsOf(ctx, k, zone, name, value)
	if err != nil || len(ours) > 0 {
		return err
	}
	return k.makeText(ctx, zone, name, value)
}

// removeText takes every record away that says value.
func removeText(ctx context.Context, k textKeeper, zone, name, value string) error {
	ours, err := textsOf(ctx, k, zone, name, value)
	if err != nil {
		return err
	}
	for _, t := range ours {
		if err := k.dropText(ctx, zone, name, t); err != nil {
			return err
		}
	}
	return nil
}

// quote is a value as zone files have it; it needs no escaping (checkTXT).
func quote(value string) string { return `"` + value + `"` }

// unquote is the text of a TXT record that an API shows: as it is, or as the
// quoted strings of a zone file, which belong together (RFC 1035, section 5.1).
// What is neither whole stays as it is.
func unquote(shown string) string {
	if !strings.HasPrefix(shown, `"`) {
		return shown
	}
	var all strings.Builder
	for rest := shown; rest != ""; rest = strings.TrimLeft(rest, " \t") {
		one, after, ok := quoted(rest)
		if !ok {
			return shown
		}
		all.WriteString(one)
		rest = after
	}
	return all.String()
}

// quoted reads one quoted string at the beginning of s.
func quoted(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		return "", "", false
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return b.String(), s[i+1:], true
		case c != '\\':
			b.WriteByte(c)
		case i+3 < len(s) && isDigits(s[i+1:i+4]):
			n, err := strconv.ParseUint(s[i+1:i+4], 10, 8)
			if err != nil {
				return "", "", false
			}
			b.WriteByte(byte(n))
			i += 3
		case i+1 < len(s):
			i++
			b.WriteByte(s[i])
		}
	}
	return "", "", false
}

func isDigits(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}
