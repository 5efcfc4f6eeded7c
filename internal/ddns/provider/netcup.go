package provider

// netcup, by way of libdns. The library logs in, reads the zone, changes the one
// record and logs out, through http.DefaultClient. It ignores the HTTP status,
// takes the first of several records and deletes a record whatever it says, so
// its requests and their answers are looked into on the way.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/libdns/libdns"
	"github.com/libdns/netcup"
)

const netcupHost = "ccp.netcup.net"

func newNetcup(cfg Config, domain string, a Account) (Provider, error) {
	zone, err := zoneOf(domain, a)
	if err != nil {
		return nil, err
	}
	takeOverDefaultClient()
	transport := newTransport(cfg)
	open := func() zoneClient {
		return &netcupCall{transport: transport, agent: cfg.agent(),
			lib: netcup.Provider{CustomerNumber: a.User, APIKey: a.Key.Reveal(), APIPassword: a.Token.Reveal()}}
	}
	return &zoned{name: "netcup", zone: zone, secrets: a.Secrets(), open: open}, nil
}

// netcupCall is one conversation: the library's, and what is seen of it. It
// implements zoneClient and http.RoundTripper.
type netcupCall struct {
	transport http.RoundTripper
	agent     string
	lib       netcup.Provider

	rec      libdns.Address
	deleting bool
	session  secret.Value // what the log-in gave
	failed   *Fault       // the first failure; nothing but the log-out is sent after it
	wrote    bool
	shown    string // what the record says, as last seen
}

// errNothingToDelete stops the library from deleting another record.
var errNothingToDelete = errors.New("there is no such record")

// SetRecords implements libdns.RecordSetter.
func (c *netcupCall) SetRecords(ctx context.Context, zone string, recs []libdns.Record) ([]libdns.Record, error) {
	return eachAddress(recs, func(rec libdns.Address) (libdns.Address, error) {
		c.rec = rec
		err := c.run(ctx, func(ctx context.Context) error {
			_, err := c.lib.SetRecords(ctx, zone, []libdns.Record{rec})
			return err
		})
		if err != nil {
			return rec, err
		}
		if c.shown == "" {
			return rec, &Fault{Text: netcupHost + " took the change but does not return the record"}
		}
		return said(netcupHost, rec, c.shown)
	})
}

// DeleteRecords implements libdns.RecordDeleter.
func (c *netcupCall) DeleteRecords(ctx context.Context, zone string, recs []libdns.Record) ([]libdns.Record, error) {
	return eachAddress(recs, func(rec libdns.Address) (libdns.Address, error) {
		c.rec, c.deleting = rec, true
		return rec, c.run(ctx, func(ctx context.Context) error {
			_, err := c.lib.DeleteRecords(ctx, zone, []libdns.Record{rec})
			return err
		})
	})
}

// run calls the library with its requests led through c.
func (c *netcupCall) run(ctx context.Context, f func(context.Context) error) error {
	if err := errDefaultClient(netcupHost); err != nil {
		return err
	}
	err := guard("netcup", func() error { return f(through(ctx, c)) })
	switch {
	case errors.Is(err, errNothingToDelete), err == nil && c.failed == nil:
		return nil
	case c.failed != nil:
		return Sealed(c.failed, c.session)
	case c.wrote:
		return Sealed(&Fault{Text: "reading netcup's answer to the change: " + err.Error()}, c.session)
	}
	return Sealed(&Fault{Kind: Failed, Text: "reading netcup's answer: " + err.Error()}, c.session)
}

// RoundTrip implements http.RoundTripper.
func (c *netcupCall) RoundTrip(req *http.Request) (*http.Response, error) {
	action, err := netcupAction(req)
	if err != nil {
		return nil, err
	}
	if c.failed != nil && action != "logout" {
		return nil, c.failed
	}
	changes := action == "updateDnsRecords"
	c.wrote = c.wrote || changes
	req.Header.Set("User-Agent", c.agent)
	req.Header.Set("Content-Type", "application/json")
	resp, body, err := roundTrip(c.transport, req, netcupHost, maxAPI)
	if err == nil {
		err = c.see(action, resp, body)
	}
	if f := (*Fault)(nil); errors.As(err, &f) && action != "logout" {
		if f.Kind == Unclear && !changes {
			f.Kind = Failed
		}
		c.failed = f
	}
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// netcupAction reads what a request of the library's asks for.
func netcupAction(req *http.Request) (string, error) {
	if req.GetBody == nil {
		return "", &Fault{Kind: Failed, Text: "netcup's library sent a request without a body"}
	}
	body, err := req.GetBody()
	if err != nil {
		return "", err
	}
	defer body.Close()
	var asked struct {
		Action string `json:"action"`
	}
	err = json.NewDecoder(io.LimitReader(body, maxAPI)).Decode(&asked)
	return asked.Action, err
}

type netcupRecord struct {
	Host    string `json:"hostname"`
	Type    string `json:"type"`
	Content string `json:"destination"`
}

// see looks into the answer to an action: whether it is one, and what it says
// of our record.
func (c *netcupCall) see(action string, resp *http.Response, body []byte) error {
	v, data := judgeNetcup(action, body)
	a := api{host: netcupHost, judge: func(int, []byte) verdict { return v }}
	if _, f := a.weigh(resp, body, nil); f != nil {
		return f
	}
	var got struct {
		Session string         `json:"apisessionid"`
		Records []netcupRecord `json:"dnsrecords"`
	}
	if action == "logout" || action == "infoDnsZone" {
		return nil
	}
	if json.Unmarshal(data, &got) != nil {
		return &Fault{Text: netcupHost + " answered with something that is not its API's JSON"}
	}
	switch action {
	case "login":
		c.session = secret.New(got.Session)
	case "infoDnsRecords", "updateDnsRecords":
		return c.seeRecords(action, got.Records)
	}
	return nil
}

// seeRecords looks for our record among the zone's.
func (c *netcupCall) seeRecords(action string, records []netcupRecord) error {
	var contents []string
	for _, r := range records {
		if strings.EqualFold(r.Host, c.rec.Name) && r.Type == recordType(c.rec.IP) {
			contents = append(contents, r.Content)
		}
	}
	c.shown = ""
	if len(contents) == 1 {
		c.shown = contents[0]
	}
	switch {
	case action != "infoDnsRecords":
	case len(contents) > 1:
		return manyRecords("netcup", fmt.Sprintf("%q", c.rec.Name), recordType(c.rec.IP), len(contents))
	case c.deleting && !sameAddress(c.shown, c.rec.IP):
		return errNothingToDelete
	}
	return nil
}

// judgeNetcup reads the envelope of every answer, and returns the data in it.
// The API has no codes of its own for a wrong key and for too many requests: a
// refused log-in is doubtful, so that it is repeated a few times, far apart.
func judgeNetcup(action string, body []byte) (verdict, json.RawMessage) {
	var answer struct {
		Status string          `json:"status"`
		Code   int             `json:"statuscode"`
		Short  string          `json:"shortmessage"`
		Long   string          `json:"longmessage"`
		Data   json.RawMessage `json:"responsedata"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Status == "" {
		return verdict{}, nil
	}
	v := verdict{ours: true, refused: answer.Status != "success"}
	if !v.refused {
		return v, answer.Data
	}
	v.words = fmt.Sprintf("%s %s (%d)", answer.Short, answer.Long, answer.Code)
	v.kind = Failed
	if action == "login" {
		v.kind = Doubtful
		v.action = "Compare the customer number, the API key and the API password with those in netcup's customer control panel."
	}
	return v, answer.Data
}
