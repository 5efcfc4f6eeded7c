package provider

// The adaptor that all keepers of whole zones share: libdns's interfaces below,
// Provider above. Below may be a module of libdns or a client of our own.

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/libdns/libdns"
)

// zoneClient is one conversation with the keeper of a zone. Its SetRecords
// returns the address that the provider says the record has, the zero one
// where it does not say; a TTL of zero leaves a record's own. Its errors are
// *Fault, or leave open whether the zone was changed.
type zoneClient interface {
	libdns.RecordSetter
	libdns.RecordDeleter
	// addTXT and removeTXT are those of TXTWriter; name is relative to the zone,
	// "@" for the zone itself.
	addTXT(ctx context.Context, zone, name, value string) error
	removeTXT(ctx context.Context, zone, name, value string) error
}

// zoned is the adaptor for one record.
type zoned struct {
	name    string // the provider's, for people
	zone    string // no final dot
	secrets []secret.Value
	open    func() zoneClient // starts a conversation
}

// Set implements Provider.
func (z *zoned) Set(ctx context.Context, domain string, addr netip.Addr) (netip.Addr, error) {
	rec := libdns.Address{Name: relative(domain, z.zone), IP: addr.Unmap()}
	var shown netip.Addr
	err := guard(z.name, func() error {
		got, err := z.open().SetRecords(ctx, z.zone, []libdns.Record{rec})
		if err == nil {
			shown, err = onlyAddress(z.name, got, rec.Name)
		}
		return err
	})
	return shown, Sealed(err, z.secrets...)
}

// Delete implements Provider.
func (z *zoned) Delete(ctx context.Context, domain string, addr netip.Addr) error {
	rec := libdns.Address{Name: relative(domain, z.zone), IP: addr.Unmap()}
	return Sealed(guard(z.name, func() error {
		_, err := z.open().DeleteRecords(ctx, z.zone, []libdns.Record{rec})
		return err
	}), z.secrets...)
}

// AddTXT implements TXTWriter.
func (z *zoned) AddTXT(ctx context.Context, name, value string) error {
	return z.text(name, value, func(c zoneClient, at string) error { return c.addTXT(ctx, z.zone, at, value) })
}

// RemoveTXT implements TXTWriter.
func (z *zoned) RemoveTXT(ctx context.Context, name, value string) error {
	return z.text(name, value, func(c zoneClient, at string) error { return c.removeTXT(ctx, z.zone, at, value) })
}

// SingleTXT implements TXTWriter.
func (z *zoned) SingleTXT() bool { return false }

// TXTZone implements TXTWriter.
func (z *zoned) TXTZone() string { return z.zone }

// text runs f in a conversation, with the name as it is in the zone.
func (z *zoned) text(name, value string, f func(c zoneClient, at string) error) error {
	if err := checkTXT(name, z.zone, value); err != nil {
		return err
	}
	return Sealed(guard(z.name, func() error { return f(z.open(), relative(name, z.zone)) }), z.secrets...)
}

// onlyAddress reads what is said to have been written.
func onlyAddress(provider string, recs []libdns.Record, name string) (netip.Addr, error) {
	if len(recs) == 1 {
		if a, ok := recs[0].(libdns.Address); ok && strings.EqualFold(a.Name, name) {
			return a.IP.Unmap(), nil
		}
	}
	return netip.Addr{}, &Fault{Text: provider + " took the change but does not return the record"}
}

// eachAddress runs f for every record, as long as they are addresses, and
// returns what it returns.
func eachAddress(recs []libdns.Record, f func(libdns.Address) (libdns.Address, error)) ([]libdns.Record, error) {
	var done []libdns.Record
	for _, rec := range recs {
		addr, ok := rec.(libdns.Address)
		if !ok {
			return done, &Fault{Kind: Failed, Text: "only address records are written, and this is none"}
		}
		got, err := f(addr)
		if err != nil {
			return done, err
		}
		done = append(done, got)
	}
	return slices.Clip(done), nil
}

// said is rec with the address that a provider's text says it has; with the
// zero one where the text is empty.
func said(host string, rec libdns.Address, text string) (libdns.Address, error) {
	rec.IP = netip.Addr{}
	if text == "" {
		return rec, nil
	}
	var err error
	if rec.IP, err = netip.ParseAddr(text); err != nil || rec.IP.Zone() != "" {
		return rec, &Fault{Text: host + " took the change but says that the record is something that is no address"}
	}
	return rec, nil
}

// sameAddress reports whether text is addr, in whatever form.
func sameAddress(text string, addr netip.Addr) bool {
	got, err := netip.ParseAddr(text)
	return err == nil && got.Unmap() == addr.Unmap()
}
