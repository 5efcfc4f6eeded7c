package provider

// TXT records by dynamic updates: one record is added to or taken from a set, in
// one update, and the others are not named in it (RFC 2136, section 2.5).

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// AddTXT implements TXTWriter.
func (r *rfc2136Record) AddTXT(ctx context.Context, name, value string) error {
	return r.text(name, value, func(record *dns.TXT) error {
		before, err := r.texts(ctx, record.Hdr.Name)
		if err != nil {
			return asFailed(err)
		}
		if before.has(value) {
			return nil
		}
		// One set has one TTL (RFC 2181, section 5.2): ours is that of the others.
		record.Hdr.Ttl = before.ttl
		update := new(dns.Msg).SetUpdate(r.zone)
		update.Insert([]dns.RR{record})
		if err := r.update(ctx, update); err != nil {
			return err
		}
		after, err := r.texts(ctx, record.Hdr.Name)
		switch {
		case err != nil || !after.known || after.has(value):
			return nil // the update was taken; others will look
		case after.alias:
			return &Fault{Kind: Failed,
				Text:   fmt.Sprintf("%s takes the update and keeps the CNAME record of %s", r.server, name),
				Action: "Delete the CNAME record: a name with one has no TXT records of its own."}
		}
		return &Fault{Kind: Failed, Text: fmt.Sprintf("%s takes the update but does not have the record", r.server)}
	})
}

// RemoveTXT implements TXTWriter.
func (r *rfc2136Record) RemoveTXT(ctx context.Context, name, value string) error {
	return r.text(name, value, func(record *dns.TXT) error {
		update := new(dns.Msg).SetUpdate(r.zone)
		update.Remove([]dns.RR{record})
		return r.update(ctx, update)
	})
}

// SingleTXT implements TXTWriter.
func (r *rfc2136Record) SingleTXT() bool { return false }

// TXTZone implements TXTWriter.
func (r *rfc2136Record) TXTZone() string { return strings.TrimSuffix(r.zone, ".") }

// text runs f with the record.
func (r *rfc2136Record) text(name, value string, f func(record *dns.TXT) error) error {
	if err := checkTXT(name, r.TXTZone(), value); err != nil {
		return err
	}
	header := dns.RR_Header{Name: dns.CanonicalName(name), Rrtype: dns.TypeTXT, Class: dns.ClassINET}
	return Sealed(guard("RFC 2136", func() error { return f(&dns.TXT{Hdr: header, Txt: []string{value}}) }), r.secret)
}

// textSet is what the server has of TXT records at a name.
type textSet struct {
	found
	values []string
}

func (s textSet) has(value string) bool { return slices.Contains(s.values, value) }

// texts asks the server for the TXT records of a name.
func (r *rfc2136Record) texts(ctx context.Context, name string) (s textSet, err error) {
	var values []string
	s.found, err = r.lookFor(ctx, name, dns.TypeTXT, func(rr dns.RR) {
		if txt, ok := rr.(*dns.TXT); ok {
			values = append(values, strings.Join(txt.Txt, ""))
		}
	})
	s.values = values
	return s, err
}
