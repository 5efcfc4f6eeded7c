package provider

// IONOS (https://developer.hosting.ionos.com/docs/dns), by a client of our own:
// the module of libdns makes an http.Client for each request that nothing can
// reach into and that carries the key to wherever it is redirected, and takes
// every failure of a look-up for "there is no record", so that it makes a second
// one.

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/libdns/libdns"
)

const ionosHost = "api.hosting.ionos.com"

// ionosClient implements zoneClient over records with ids.
type ionosClient struct{ api *api }

func newIONOS(cfg Config, domain string, a Account) (Provider, error) {
	zone, err := zoneOf(domain, a)
	if err != nil {
		return nil, err
	}
	client := ionosClient{&api{
		transport: newTransport(cfg), host: ionosHost, base: "https://" + ionosHost + "/dns/v1", agent: cfg.agent(), judge: judgeIONOS,
		authorise: func(req *http.Request, _ []byte) { req.Header.Set("X-API-Key", a.Token.Reveal()) },
	}}
	return &zoned{name: "IONOS", zone: zone, secrets: a.Secrets(), open: func() zoneClient { return client }}, nil
}

type ionosRecord struct {
	ID       string `json:"id,omitempty"`
	Name     string `json:"name,omitempty"` // whole
	Type     string `json:"type,omitempty"`
	Content  string `json:"content"`
	TTL      int    `json:"ttl,omitempty"`
	Prio     int    `json:"prio"`
	Disabled bool   `json:"disabled"`
}

// find returns the path of the zone and its records of a name and type.
func (c ionosClient) find(ctx context.Context, zone, name, rtype string) (path string, found []ionosRecord, err error) {
	var zones []struct{ ID, Name string }
	if _, err := c.api.read(ctx, http.MethodGet, "/zones", nil, &zones); err != nil {
		return "", nil, err
	}
	for _, z := range zones {
		if strings.EqualFold(z.Name, zone) && z.ID != "" {
			path = "/zones/" + segment(z.ID)
		}
	}
	if path == "" {
		return "", nil, noZone("IONOS", zone)
	}
	var got struct {
		Records []ionosRecord `json:"records"`
	}
	query := url.Values{"recordName": {libdns.AbsoluteName(name, zone)}, "recordType": {rtype}}
	if _, err := c.api.read(ctx, http.MethodGet, path+"?"+query.Encode(), nil, &got); err != nil {
		return "", nil, err
	}
	for _, r := range got.Records {
		if r.ID != "" && r.Type == rtype && strings.EqualFold(r.Name, libdns.AbsoluteName(name, zone)) {
			found = append(found, r)
		}
	}
	return path, found, nil
}

// SetRecords implements libdns.RecordSetter. A record that was switched off is
// switched on.
func (c ionosClient) SetRecords(ctx context.Context, zone string, recs []libdns.Record) ([]libdns.Record, error) {
	return eachAddress(recs, func(rec libdns.Address) (libdns.Address, error) {
		path, found, err := c.find(ctx, zone, rec.Name, recordType(rec.IP))
		name := libdns.AbsoluteName(rec.Name, zone)
		switch {
		case err != nil:
			return rec, err
		case len(found) > 1:
			return rec, manyRecords("IONOS", name, recordType(rec.IP), len(found))
		case len(found) == 0:
			made := []ionosRecord{{Name: name, Type: recordType(rec.IP), Content: rec.IP.String(), TTL: newTTL}}
			if err := c.api.write(ctx, http.MethodPost, path+"/records", made, &made); err != nil {
				return rec, err
			}
			if len(made) != 1 {
				return rec, &Fault{Text: ionosHost + " took the change but does not return the record"}
			}
			return said(ionosHost, rec, made[0].Content)
		case sameAddress(found[0].Content, rec.IP) && !found[0].Disabled:
			return rec, nil
		}
		change := ionosRecord{Content: rec.IP.String(), TTL: found[0].TTL, Prio: found[0].Prio}
		var done ionosRecord
		if err := c.api.write(ctx, http.MethodPut, path+"/records/"+segment(found[0].ID), change, &done); err != nil {
			return rec, err
		}
		return said(ionosHost, rec, done.Content)
	})
}

// DeleteRecords implements libdns.RecordDeleter.
func (c ionosClient) DeleteRecords(ctx context.Context, zone string, recs []libdns.Record) ([]libdns.Record, error) {
	return eachAddress(recs, func(rec libdns.Address) (libdns.Address, error) {
		path, found, err := c.find(ctx, zone, rec.Name, recordType(rec.IP))
		if err != nil {
			return rec, err
		}
		for _, r := range found {
			if !sameAddress(r.Content, rec.IP) {
				continue
			}
			if err := c.api.write(ctx, http.MethodDelete, path+"/records/"+segment(r.ID), nil, nil); err != nil {
				return rec, err
			}
		}
		return rec, nil
	})
}

// ionosTexts is a conversation about TXT records: one zone's path is found once.
type ionosTexts struct {
	ionosClient
	path string // of the zone
}

func (c *ionosTexts) texts(ctx context.Context, zone, name string) (list []text, err error) {
	path, found, err := c.find(ctx, zone, name, "TXT")
	c.path = path
	for _, r := range found {
		list = append(list, text{r.ID, r.Content})
	}
	return list, err
}

func (c *ionosTexts) makeText(ctx context.Context, zone, name, value string) error {
	made := []ionosRecord{{Name: libdns.AbsoluteName(name, zone), Type: "TXT", Content: value, TTL: newTTL}}
	return c.api.write(ctx, http.MethodPost, c.path+"/records", made, nil)
}

func (c *ionosTexts) dropText(ctx context.Context, _, _ string, t text) error {
	return c.api.write(ctx, http.MethodDelete, c.path+"/records/"+segment(t.id), nil, nil)
}

func (c ionosClient) addTXT(ctx context.Context, zone, name, value string) error {
	return addText(ctx, &ionosTexts{ionosClient: c}, zone, name, value)
}

func (c ionosClient) removeTXT(ctx context.Context, zone, name, value string) error {
	return removeText(ctx, &ionosTexts{ionosClient: c}, zone, name, value)
}

// judgeIONOS reads refusals: [{"code": "…", "message": "…"}].
func judgeIONOS(status int, body []byte) verdict {
	if status < 300 {
		return verdict{ours: json.Valid(body) || len(body) == 0}
	}
	var list []struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &list) != nil || len(list) == 0 {
		return verdict{}
	}
	v := verdict{ours: true, words: strings.TrimSpace(list[0].Message + " " + list[0].Code)}
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		v.kind = Final
		v.action = "Make a new API key at developer.hosting.ionos.com, and put it into the config as PREFIX.SECRET."
	}
	return v
}
