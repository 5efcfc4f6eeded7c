package provider

// Dynamic updates (RFC 2136) of a name server of one's own, signed with TSIG
// (RFC 8945), by a client of our own on github.com/miekg/dns. The module of
// libdns writes a TTL of zero, dials by itself, and takes an answer that is not
// signed for one that is.

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/miekg/dns"
)

// rfc2136Record is the adaptor for one record.
type rfc2136Record struct {
	zone      string // absolute
	server    string // host:port
	key       string // the key's name, absolute, lower case
	algorithm string // absolute
	secret    secret.Value
	dial      DialFunc
	now       func() time.Time
	tcp       bool // UDP brought nothing and TCP did
}

func newRFC2136(cfg Config, domain string, a Account) (Provider, error) {
	zone, err := zoneOf(domain, a)
	if err != nil {
		return nil, err
	}
	r := &rfc2136Record{zone: dns.CanonicalName(zone), server: a.Server, key: dns.CanonicalName(a.User),
		algorithm: dns.HmacSHA256, secret: a.Token, dial: cfg.Dial, now: time.Now}
	if host, port, err := net.SplitHostPort(a.Server); err != nil {
		r.server = net.JoinHostPort(strings.Trim(a.Server, "[]"), "53")
	} else if host == "" || port == "" {
		return nil, fmt.Errorf("the server %q of %s is no HOST:PORT", a.Server, domain)
	}
	if _, ok := dns.IsDomainName(r.key); !ok {
		return nil, fmt.Errorf("the name of the TSIG key of %s is no domain name", domain)
	}
	if a.Algorithm != "" {
		r.algorithm = dns.CanonicalName(a.Algorithm)
	}
	if tsigHashes[r.algorithm] == nil {
		words := strings.Join(slices.Sorted(maps.Keys(tsigHashes)), " ")
		return nil, fmt.Errorf("the algorithm %q of %s is not known: write one of %s", a.Algorithm, domain, strings.ReplaceAll(words, ".", ""))
	}
	if raw, err := base64.StdEncoding.DecodeString(a.Token.Reveal()); err != nil || len(raw) == 0 {
		return nil, fmt.Errorf("the secret of the TSIG key of %s is not base64", domain)
	}
	return r, nil
}

// Set implements Provider: the set of records of one name and type is replaced
// in one update, which happens whole or not at all (RFC 2136, section 3.7).
func (r *rfc2136Record) Set(ctx context.Context, domain string, addr netip.Addr) (shown netip.Addr, err error) {
	err = guard("RFC 2136", func() error {
		shown, err = r.set(ctx, dns.CanonicalName(domain), addr.Unmap())
		return err
	})
	return shown, Sealed(err, r.secret)
}

func (r *rfc2136Record) set(ctx context.Context, name string, addr netip.Addr) (netip.Addr, error) {
	before, err := r.look(ctx, name, addr)
	if err != nil {
		return netip.Addr{}, asFailed(err)
	}
	if before.known && len(before.addrs) == 1 && before.addrs[0] == addr {
		return addr, nil
	}
	update := new(dns.Msg).SetUpdate(r.zone)
	update.RemoveRRset([]dns.RR{addressRR(name, addr, 0)})
	update.Insert([]dns.RR{addressRR(name, addr, before.ttl)})
	if err := r.update(ctx, update); err != nil {
		return netip.Addr{}, err
	}
	// An update is taken and passed over where the name is an alias (RFC 2136,
	// section 3.4.2.2), so look.
	after, err := r.look(ctx, name, addr)
	switch {
	case err != nil || !after.known:
		return netip.Addr{}, nil // the update was taken; others will look
	case after.alias:
		return netip.Addr{}, &Fault{Kind: Failed,
			Text:   fmt.Sprintf("%s takes the update and keeps the CNAME record of %s", r.server, name),
			Action: "Delete the CNAME record: a name with one has no addresses of its own."}
	case len(after.addrs) == 0:
		return netip.Addr{}, &Fault{Kind: Failed, Text: fmt.Sprintf("%s takes the update but does not have the record", r.server)}
	}
	for _, got := range after.addrs {
		if got != addr {
			return got, nil
		}
	}
	return addr, nil
}

// Delete implements Provider. A record that is not there, or says something
// else, is passed over by the server (RFC 2136, section 2.5.4).
func (r *rfc2136Record) Delete(ctx context.Context, domain string, addr netip.Addr) error {
	update := new(dns.Msg).SetUpdate(r.zone)
	update.Remove([]dns.RR{addressRR(dns.CanonicalName(domain), addr.Unmap(), 0)})
	return Sealed(guard("RFC 2136", func() error { return r.update(ctx, update) }), r.secret)
}

// update sends an update. Errors are *Fault.
func (r *rfc2136Record) update(ctx context.Context, update *dns.Msg) error {
	reply, err := r.ask(ctx, update)
	if err != nil {
		return err
	}
	return r.refusal(reply)
}

// found is what the server has at a name.
type found struct {
	known bool // the server said
	alias bool // the name is a CNAME
	addrs []netip.Addr
	ttl   uint32 // what a new record should have, in seconds
}

// look asks the server for the records that are about to be replaced.
func (r *rfc2136Record) look(ctx context.Context, name string, addr netip.Addr) (found, error) {
	var addrs []netip.Addr
	add := func(ip net.IP) {
		if addr, ok := netip.AddrFromSlice(ip); ok {
			addrs = append(addrs, addr.Unmap())
		}
	}
	f, err := r.lookFor(ctx, name, dns.StringToType[recordType(addr)], func(rr dns.RR) {
		switch rr := rr.(type) {
		case *dns.A:
			add(rr.A)
		case *dns.AAAA:
			add(rr.AAAA)
		}
	})
	f.addrs = addrs
	return f, err
}

// lookFor asks the server for the records of a name and type, and has see called
// for those of the name. A server that refuses to be asked may take updates all
// the same.
func (r *rfc2136Record) lookFor(ctx context.Context, name string, rtype uint16, see func(dns.RR)) (found, error) {
	f := found{ttl: newTTL}
	question := new(dns.Msg).SetQuestion(name, rtype)
	question.RecursionDesired = false
	reply, err := r.ask(ctx, question)
	if err != nil {
		return f, err
	}
	switch reply.Rcode {
	case dns.RcodeSuccess, dns.RcodeNameError:
	case dns.RcodeRefused:
		return f, nil
	default:
		return f, r.refusal(reply)
	}
	f.known = true
	for _, rr := range reply.Answer {
		if dns.CanonicalName(rr.Header().Name) != name {
			continue
		}
		if _, ok := rr.(*dns.CNAME); ok {
			f.alias = true
		}
		if rr.Header().Rrtype == rtype {
			f.ttl = rr.Header().Ttl
			see(rr)
		}
	}
	return f, nil
}

// addressRR is an A or AAAA record.
func addressRR(name string, addr netip.Addr, ttl uint32) dns.RR {
	header := dns.RR_Header{Name: name, Rrtype: dns.StringToType[recordType(addr)], Class: dns.ClassINET, Ttl: ttl}
	if addr.Is4() {
		return &dns.A{Hdr: header, A: addr.AsSlice()}
	}
	return &dns.AAAA{Hdr: header, AAAA: addr.AsSlice()}
}

// asFailed is err as the *Fault of something that changed nothing.
func asFailed(err error) *Fault {
	f := asFault(err)
	if f.Kind == Unclear {
		f.Kind = Failed
	}
	return f
}
