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
	"golang.org/x/net/publicsuffix"
)

const (
	cloudflareHost = "api.cloudflare.com"
	maxCloudflare  = 1 << 20
	// ttlAuto is Cloudflare's "automatic", given as one second.
	ttlAuto = time.Second
)

// cloudflareRecord is the adaptor for one record.
type cloudflareRecord struct {
	zone   string
	token  secret.Value
	client *http.Client
}

func newCloudflare(cfg Config, domain string, a Account) (*cloudflareRecord, error) {
	zone := strings.TrimSuffix(a.Zone, ".")
	if zone == "" {
		var err error
		if zone, err = publicsuffix.EffectiveTLDPlusOne(domain); err != nil {
			return nil, fmt.Errorf("deriving the zone of %s: %w; name it with the key zone", domain, err)
		}
	}
	if domain != zone && !strings.HasSuffix(domain, "."+zone) {
		return nil, fmt.Errorf("%s is not in the zone %s", domain, zone)
	}
	client := &http.Client{Transport: newTransport(cfg), CheckRedirect: refuseRedirect}
	return &cloudflareRecord{zone: zone, token: a.Token, client: client}, nil
}

// Set implements Provider. A provider object of the library is made anew each
// time, because it keeps the zone's id for good.
func (c *cloudflareRecord) Set(ctx context.Context, domain string, addr netip.Addr) (netip.Addr, error) {
	call := &cloudflareCall{client: c.client, zone: c.zone, domain: domain}
	lib := &cloudflare.Provider{APIToken: c.token.Reveal(), HTTPClient: call}
	// TTL zero leaves the record's own.
	rec := libdns.Address{Name: c.relative(domain), IP: addr.Unmap()}
	var shown netip.Addr
	err := guard("Cloudflare", func() error {
		got, err := lib.SetRecords(ctx, c.zone, []libdns.Record{rec})
		if errors.Is(err, errNoRecord) {
			// There is no record whose TTL could be left as it is.
			call.mayCreate, rec.TTL = true, ttlAuto
			got, err = lib.AppendRecords(ctx, c.zone, []libdns.Record{rec})
		}
		if err != nil {
			return err
		}
		shown, err = onlyAddress(got, rec.Name)
		return err
	})
	return shown, Sealed(call.settle(err), c.token)
}

// relative is the record's name within the zone, "@" for the zone itself.
func (c *cloudflareRecord) relative(domain string) string {
	if domain == c.zone {
		return "@"
	}
	return strings.TrimSuffix(domain, "."+c.zone)
}

// onlyAddress reads what the library says was written.
func onlyAddress(recs []libdns.Record, name string) (netip.Addr, error) {
	if len(recs) == 1 {
		if a, ok := recs[0].(libdns.Address); ok && strings.EqualFold(a.Name, name) {
			return a.IP.Unmap(), nil
		}
	}
	return netip.Addr{}, &Fault{Text: "Cloudflare took the change but does not return the record"}
}

// errNoRecord stops the library from creating a record in our place.
var errNoRecord = errors.New("the record does not exist")

// cloudflareCall is the library's HTTP client during one Set.
type cloudflareCall struct {
	client       *http.Client
	zone, domain string
	mayCreate    bool // a POST may pass
	wrote        bool // a POST or PATCH was tried
}

// settle says of an error of the library's own that the record is untouched
// where nothing was sent that could have changed it.
func (c *cloudflareCall) settle(err error) error {
	var f *Fault
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

// Do implements the library's HTTPClient. Its errors are *Fault or errNoRecord.
func (c *cloudflareCall) Do(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodPost && !c.mayCreate {
		return nil, errNoRecord
	}
	c.wrote = c.wrote || req.Method != http.MethodGet
	resp, body, err := roundTrip(redirectless{c.client}, req, cloudflareHost, maxCloudflare)
	if err != nil {
		return nil, err
	}
	if err := checkEnvelope(resp, body); err != nil {
		return nil, err
	}
	if req.Method == http.MethodGet {
		if err := c.checkList(req.URL.Path, body); err != nil {
			return nil, err
		}
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// redirectless makes a RoundTripper of a client that refuses redirects.
type redirectless struct{ client *http.Client }

func (r redirectless) RoundTrip(req *http.Request) (*http.Response, error) { return r.client.Do(req) }

// checkList looks at a list of zones or records, where the library's own words
// would not say what to do.
func (c *cloudflareCall) checkList(path string, body []byte) error {
	var list struct {
		Result []json.RawMessage `json:"result"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return &Fault{Kind: Failed, Text: "Cloudflare answered with something else than a list"}
	}
	switch n := len(list.Result); {
	case strings.HasSuffix(path, "/zones") && n != 1:
		return &Fault{Kind: Failed,
			Text:   fmt.Sprintf("Cloudflare shows this token %d zones named %s, not one", n, c.zone),
			Action: "Give the token the permissions Zone:Read and DNS:Edit for that zone, or name the right zone with the key zone."}
	case strings.HasSuffix(path, "/dns_records") && n > 1:
		return &Fault{Kind: Failed,
			Text:   fmt.Sprintf("%s has %d A records at Cloudflare, so it is unclear which of them to keep", c.domain, n),
			Action: "Delete all but one of them in Cloudflare's dashboard."}
	}
	return nil
}

// Delete implements Provider.
func (c *cloudflareRecord) Delete(context.Context, string, netip.Addr) error {
	return &Fault{Kind: Final, Text: "deleting a record at Cloudflare is not available in this version"}
}
