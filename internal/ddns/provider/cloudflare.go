package provider

// Cloudflare, by way of libdns. Its SetRecords updates with PATCH, so that a
// TTL and a proxy switch that a person set stay as they are. What the library
// leaves unchecked (the envelope's success, the status of an answer that is
// not JSON, redirects, sizes) is checked in the HTTP client handed to it.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/libdns/cloudflare"
	"github.com/libdns/libdns"
)

const (
	cloudflareHost = "api.cloudflare.com"
	maxCloudflare  = 1 << 20
	// ttlAuto is Cloudflare's "automatic", given as one second.
	ttlAuto = time.Second
)

// cloudflareRecord is the adaptor for one record.
type cloudflareRecord struct {
	zone    string
	token   secret.Value
	client  *http.Client
	proxied bool // what the last answer that spoke of the record said
}

func newCloudflare(cfg Config, domain string, a Account) (Provider, error) {
	zone, err := zoneOf(domain, a)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: newTransport(cfg), CheckRedirect: refuseRedirect}
	return &cloudflareRecord{zone: zone, token: a.Token, client: client}, nil
}

// call runs f with the library, as made anew: it keeps the zone's id for good.
func (c *cloudflareRecord) call(domain, rtype string, f func(*cloudflareCall, *cloudflare.Provider) error) error {
	call := &cloudflareCall{record: c, zone: c.zone, domain: domain, rtype: rtype}
	lib := &cloudflare.Provider{APIToken: c.token.Reveal(), HTTPClient: call}
	err := guard("Cloudflare", func() error { return f(call, lib) })
	return Sealed(call.settle(err), c.token)
}

// Set implements Provider.
func (c *cloudflareRecord) Set(ctx context.Context, domain string, addr netip.Addr) (netip.Addr, error) {
	// TTL zero leaves the record's own.
	rec := libdns.Address{Name: relative(domain, c.zone), IP: addr.Unmap()}
	var shown netip.Addr
	err := c.call(domain, recordType(addr), func(call *cloudflareCall, lib *cloudflare.Provider) error {
		got, err := lib.SetRecords(ctx, c.zone, []libdns.Record{rec})
		if errors.Is(err, errNoRecord) {
			// There is no record whose TTL could be left as it is.
			call.mayCreate, rec.TTL = true, ttlAuto
			got, err = lib.AppendRecords(ctx, c.zone, []libdns.Record{rec})
		}
		if err != nil {
			return err
		}
		shown, err = onlyAddress("Cloudflare", got, rec.Name)
		return err
	})
	return shown, err
}

// Delete implements Provider. The library asks for the records of that name,
// type and content, and deletes those.
func (c *cloudflareRecord) Delete(ctx context.Context, domain string, addr netip.Addr) error {
	rec := libdns.Address{Name: relative(domain, c.zone), IP: addr.Unmap()}
	return c.call(domain, recordType(addr), func(call *cloudflareCall, lib *cloudflare.Provider) error {
		call.only = rec.IP
		_, err := lib.DeleteRecords(ctx, c.zone, []libdns.Record{rec})
		return err
	})
}

// AddTXT implements TXTWriter.
func (c *cloudflareRecord) AddTXT(ctx context.Context, name, value string) error {
	if err := checkTXT(name, c.zone, value); err != nil {
		return err
	}
	rec := libdns.TXT{Name: relative(name, c.zone), TTL: newTTL * time.Second, Text: value}
	return c.call(name, "TXT", func(call *cloudflareCall, lib *cloudflare.Provider) error {
		call.mayCreate = true
		_, err := lib.AppendRecords(ctx, c.zone, []libdns.Record{rec})
		if errors.Is(err, errSameRecord) {
			return nil
		}
		return err
	})
}

// RemoveTXT implements TXTWriter. The library asks for the records of that name
// whose text holds the value, and deletes the one whose text it is.
func (c *cloudflareRecord) RemoveTXT(ctx context.Context, name, value string) error {
	if err := checkTXT(name, c.zone, value); err != nil {
		return err
	}
	rec := libdns.TXT{Name: relative(name, c.zone), Text: value}
	return c.call(name, "TXT", func(_ *cloudflareCall, lib *cloudflare.Provider) error {
		_, err := lib.DeleteRecords(ctx, c.zone, []libdns.Record{rec})
		return err
	})
}

// SingleTXT implements TXTWriter.
func (c *cloudflareRecord) SingleTXT() bool { return false }

// TXTZone implements TXTWriter.
func (c *cloudflareRecord) TXTZone() string { return c.zone }

// Proxied implements Proxier.
func (c *cloudflareRecord) Proxied() bool { return c.proxied }

// errSameRecord means that a record to create is there already.
var errSameRecord = errors.New("the record exists")

// errNoRecord stops the library from creating a record in our place.
var errNoRecord = errors.New("the record does not exist")

// cloudflareCall is the library's HTTP client during one Set or Delete.
type cloudflareCall struct {
	record              *cloudflareRecord
	zone, domain, rtype string
	only                netip.Addr // of a Delete: what a record to delete says
	mayCreate           bool       // a POST may pass
	wrote               bool       // something else than a GET was tried
	failed              error      // of the last request; the library passes over some
}

// settle says of an error of the library's own that the record is untouched
// where nothing was sent that could have changed it.
func (c *cloudflareCall) settle(err error) error {
	var f *Fault
	if err == nil && !errors.Is(c.failed, errSameRecord) && !errors.Is(c.failed, errNoRecord) {
		err = c.failed
	}
	switch {
	case err == nil:
		return nil
	case errors.As(err, &f):
		if f.Kind == Unclear && !c.wrote {
			f.Kind = Failed
		}
		return f
	case c.wrote:
		return &Fault{Kind: Unclear, Text: "reading Cloudflare's answer to the change: " + err.Error()}
	}
	return &Fault{Kind: Failed, Text: "reading Cloudflare's answer: " + err.Error()}
}

// Do implements the library's HTTPClient. Its errors are *Fault, errNoRecord or
// errSameRecord.
func (c *cloudflareCall) Do(req *http.Request) (resp *http.Response, err error) {
	resp, err = c.send(req)
	c.failed = err
	return resp, err
}

func (c *cloudflareCall) send(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodPost && !c.mayCreate {
		return nil, errNoRecord
	}
	c.wrote = c.wrote || req.Method != http.MethodGet
	resp, body, err := roundTrip(redirectless{c.record.client}, req, cloudflareHost, maxCloudflare)
	if err != nil {
		return nil, err
	}
	if req.Method == http.MethodPost && c.rtype == "TXT" && saysSame(body) {
		return nil, errSameRecord
	}
	if err := checkEnvelope(resp, body); err != nil {
		return nil, err
	}
	switch req.Method {
	case http.MethodGet:
		if err := c.checkList(req.URL.Path, body); err != nil {
			return nil, err
		}
	case http.MethodPost, http.MethodPatch:
		var done struct {
			Result cloudflareEntry `json:"result"`
		}
		if json.Unmarshal(body, &done) == nil && c.rtype != "TXT" {
			c.record.proxied = done.Result.Proxied
		}
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// cloudflareEntry is what is read of a zone or a record beside the library.
type cloudflareEntry struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Content string `json:"content"`
	Proxied bool   `json:"proxied"`
}

// redirectless makes a RoundTripper of a client that refuses redirects.
type redirectless struct{ client *http.Client }

func (r redirectless) RoundTrip(req *http.Request) (*http.Response, error) { return r.client.Do(req) }

// checkList looks at a list of zones or records, where the library's own words
// would not say what to do, or where it would believe a list that does not
// answer the question.
func (c *cloudflareCall) checkList(path string, body []byte) error {
	var list struct {
		Result []cloudflareEntry `json:"result"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return &Fault{Kind: Failed, Text: "Cloudflare answered with something else than a list"}
	}
	if strings.HasSuffix(path, "/zones") {
		if n := len(list.Result); n != 1 || !strings.EqualFold(list.Result[0].Name, c.zone) {
			return &Fault{Kind: Failed,
				Text:   fmt.Sprintf("Cloudflare shows this token %d zones named %s, not one", n, c.zone),
				Action: "Give the token the permissions Zone:Read and DNS:Edit for that zone, or name the right zone with the key zone."}
		}
		return nil
	}
	for _, e := range list.Result {
		if !strings.EqualFold(e.Name, c.domain) || e.Type != c.rtype || c.only.IsValid() && !sameAddress(e.Content, c.only) {
			return &Fault{Kind: Failed, Text: "Cloudflare answered with records that were not asked for"}
		}
	}
	if c.rtype == "TXT" {
		return nil // one name may have many
	}
	if n := len(list.Result); n > 1 {
		return manyRecords("Cloudflare", c.domain, c.rtype, n)
	}
	c.record.proxied = len(list.Result) == 1 && list.Result[0].Proxied
	return nil
}
