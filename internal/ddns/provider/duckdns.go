package provider

// DuckDNS, by way of libdns. The library takes http.DefaultClient and gives no
// other way in, ignores the HTTP status and prints the token in its errors, so
// its requests are taken over where they pass http.DefaultClient.

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"

	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/libdns/duckdns"
	"github.com/libdns/libdns"
)

const (
	duckDNSHost = "www.duckdns.org"
	maxDuckDNS  = 64 << 10
	// duckDNSToken is the length of a token; the library refuses any other.
	duckDNSToken = 36
)

// duckDNSRecord is the adaptor for one record.
type duckDNSRecord struct {
	zone      string // the account's own name, whatever is below it
	token     secret.Value
	transport *http.Transport
}

func newDuckDNS(cfg Config, domain string, a Account) (Provider, error) {
	takeOverDefaultClient()
	labels := strings.Split(domain, ".")
	zone := strings.Join(labels[max(len(labels)-3, 0):], ".")
	return &duckDNSRecord{zone: zone, token: a.Token, transport: newTransport(cfg)}, nil
}

// Set implements Provider. DuckDNS keeps one address for a name and all names
// below it, so a deeper name sets its parent's.
func (d *duckDNSRecord) Set(ctx context.Context, domain string, addr netip.Addr) (netip.Addr, error) {
	call := &duckDNSCall{transport: d.transport, six: addr.Unmap().Is6()}
	err := d.run(ctx, call, func(ctx context.Context, lib *duckdns.Provider) error {
		rec := libdns.Address{Name: "@", IP: addr.Unmap()}
		_, err := lib.SetRecords(ctx, domain, []libdns.Record{rec})
		return err
	})
	if err != nil {
		return netip.Addr{}, err
	}
	return call.shown, nil
}

// run calls the library with its one request led through call.
func (d *duckDNSRecord) run(ctx context.Context, call *duckDNSCall, f func(context.Context, *duckdns.Provider) error) error {
	if n := len(d.token.Reveal()); n != duckDNSToken {
		return &Fault{Kind: Final,
			Text:   fmt.Sprintf("the DuckDNS token has %d characters; a token has %d", n, duckDNSToken),
			Action: "Copy the token from duckdns.org again."}
	}
	if err := errDefaultClient(duckDNSHost); err != nil {
		return err
	}
	lib := &duckdns.Provider{APIToken: d.token.Reveal()}
	return Sealed(guard("DuckDNS", func() error { return f(through(ctx, call), lib) }), d.token)
}

// AddTXT implements TXTWriter.
func (d *duckDNSRecord) AddTXT(ctx context.Context, name, value string) error {
	return d.text(ctx, name, value, (*duckdns.Provider).SetRecords)
}

// RemoveTXT implements TXTWriter. DuckDNS clears the one record whatever it says,
// and leaves the addresses.
func (d *duckDNSRecord) RemoveTXT(ctx context.Context, name, value string) error {
	return d.text(ctx, name, value, (*duckdns.Provider).DeleteRecords)
}

// SingleTXT implements TXTWriter.
func (d *duckDNSRecord) SingleTXT() bool { return true }

// TXTZone implements TXTWriter.
func (d *duckDNSRecord) TXTZone() string { return d.zone }

// text changes the one TXT record.
func (d *duckDNSRecord) text(ctx context.Context, name, value string,
	change func(*duckdns.Provider, context.Context, string, []libdns.Record) ([]libdns.Record, error)) error {
	if err := checkTXT(name, d.zone, value); err != nil {
		return err
	}
	return d.run(ctx, &duckDNSCall{transport: d.transport, txt: true}, func(ctx context.Context, lib *duckdns.Provider) error {
		_, err := change(lib, ctx, d.zone, []libdns.Record{libdns.TXT{Name: "@", Text: value}})
		return err
	})
}

// duckDNSCall carries one request around the library.
type duckDNSCall struct {
	transport *http.Transport
	txt       bool       // it is about the TXT record
	six       bool       // the address is an IPv6 one
	shown     netip.Addr // what DuckDNS says the record has
}

// RoundTrip implements http.RoundTripper. Its errors are *Fault, also for
// statuses and bodies that the library would take for success or would print.
func (c *duckDNSCall) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, body, err := roundTrip(c.transport, req, duckDNSHost, maxDuckDNS)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, statusFault(resp, duckDNSHost)
	}
	body = bytes.ReplaceAll(bytes.TrimSpace(body), []byte("\r\n"), []byte("\n"))
	lines := strings.Split(string(body), "\n")
	switch lines[0] {
	case "OK":
	case "KO":
		return nil, &Fault{Kind: Doubtful,
			Text:   "DuckDNS refused the update (KO): the token is wrong, or the name does not belong to its account",
			Action: "Compare the token and the name with those shown at duckdns.org."}
	default:
		return nil, &Fault{Text: fmt.Sprintf("%s answered with neither OK nor KO, but with %d bytes of something else", duckDNSHost, len(body)),
			Action: "Check that nothing on the way, such as a log-in page or a filter, answers in the provider's place."}
	}
	if c.txt { // the second line is the text, in no form that is written down
		resp.Body = io.NopCloser(bytes.NewReader(body))
		return resp, nil
	}
	// The second line of the verbose answer is the IPv4 address, the third the
	// IPv6 one; both may be blank.
	line := 1
	if c.six {
		line = 2
	}
	if len(lines) > line && strings.TrimSpace(lines[line]) != "" {
		c.shown, err = netip.ParseAddr(strings.TrimSpace(lines[line]))
		if err != nil || c.shown.Is6() != c.six {
			return nil, &Fault{Text: "DuckDNS answered OK, and with something that is no address of the family asked for"}
		}
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// Delete implements Provider. DuckDNS has one way to delete, clear=true, which
// takes both families away, so it is not used.
func (d *duckDNSRecord) Delete(context.Context, string, netip.Addr) error {
	return &Fault{Kind: Final, Text: "DuckDNS cannot delete one record of a name", Action: "Keep the record, or delete the domain at duckdns.org."}
}
