package provider

// OVH (https://eu.api.ovh.com/console), by a client of our own: the module of
// libdns drives a client that reads files and environment variables for its
// settings and can be reached into from nowhere, adds the new record beside the
// old one, and sets every TTL to a minute.

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/libdns/libdns"
)

// ovhEndpoints are where the API of each region is.
var ovhEndpoints = []struct{ word, host, path string }{
	{"ovh-eu", "eu.api.ovh.com", "/1.0"},
	{"ovh-ca", "ca.api.ovh.com", "/1.0"},
	{"ovh-us", "api.us.ovhcloud.com", "/1.0"},
}

func ovhEndpointWords() []string {
	var words []string
	for _, e := range ovhEndpoints {
		words = append(words, e.word)
	}
	return words
}

// ovhClient implements zoneClient over records with ids.
type ovhClient struct {
	api              *api
	user             string // the application key
	secret, consumer secret.Value
	now              int64 // the service's time in seconds, as the requests are signed with
}

func newOVH(cfg Config, domain string, a Account) (Provider, error) {
	zone, err := zoneOf(domain, a)
	if err != nil {
		return nil, err
	}
	word := a.Server
	if word == "" {
		word = ovhEndpoints[0].word
	}
	i := slices.Index(ovhEndpointWords(), word)
	if i < 0 {
		return nil, fmt.Errorf("%q is no endpoint of OVH: write one of %s", word, strings.Join(ovhEndpointWords(), ", "))
	}
	at := ovhEndpoints[i]
	transport := newTransport(cfg)
	open := func() zoneClient {
		c := &ovhClient{user: a.User, secret: a.Token, consumer: a.Key}
		c.api = &api{transport: transport, host: at.host, base: "https://" + at.host + at.path, agent: cfg.agent(), judge: judgeOVH, authorise: c.sign}
		return c
	}
	return &zoned{name: "OVH", zone: zone, secrets: a.Secrets(), open: open}, nil
}

// sign adds who asks, and the hash that proves it. The time is not signed, so
// that it can be asked for first.
func (c *ovhClient) sign(req *http.Request, body []byte) {
	req.Header.Set("X-Ovh-Application", c.user)
	if c.now == 0 {
		return
	}
	at := strconv.FormatInt(c.now, 10)
	sum := sha1.Sum([]byte(strings.Join([]string{c.secret.Reveal(), c.consumer.Reveal(), req.Method, req.URL.String(), string(body), at}, "+")))
	req.Header.Set("X-Ovh-Consumer", c.consumer.Reveal())
	req.Header.Set("X-Ovh-Timestamp", at)
	req.Header.Set("X-Ovh-Signature", "$1$"+hex.EncodeToString(sum[:]))
}

type ovhRecord struct {
	ID        int64  `json:"id"`
	FieldType string `json:"fieldType"`
	SubDomain string `json:"subDomain"`
	Target    string `json:"target"`
	TTL       int64  `json:"ttl"` // 0 is the zone's
}

// maxOVHRecords bounds how many address records of one name are looked at.
const maxOVHRecords = 8

// find takes the service's time, as our clock may be off, and lists the records
// of a name and type.
func (c *ovhClient) find(ctx context.Context, zone, name, rtype string) ([]ovhRecord, error) {
	c.now = 0
	if _, err := c.api.read(ctx, http.MethodGet, "/auth/time", nil, &c.now); err != nil {
		return nil, err
	}
	if c.now <= 0 {
		return nil, &Fault{Kind: Failed, Text: c.api.host + " does not say what time it is, which every request needs"}
	}
	zonePath := "/domain/zone/" + segment(zone)
	query := url.Values{"fieldType": {rtype}, "subDomain": {below(name)}}
	var ids []int64
	status, err := c.api.read(ctx, http.MethodGet, zonePath+"/record?"+query.Encode(), nil, &ids)
	if status == http.StatusNotFound {
		return nil, noZone("OVH", zone)
	}
	if err != nil {
		return nil, err
	}
	switch {
	case rtype == "TXT" && len(ids) > maxTexts:
		return nil, manyTexts("OVH", libdns.AbsoluteName(name, zone), len(ids))
	case rtype != "TXT" && len(ids) > maxOVHRecords:
		return nil, manyRecords("OVH", libdns.AbsoluteName(name, zone), rtype, len(ids))
	}
	var found []ovhRecord
	for _, id := range ids {
		var r ovhRecord
		if _, err := c.api.read(ctx, http.MethodGet, zonePath+"/record/"+strconv.FormatInt(id, 10), nil, &r); err != nil {
			return nil, err
		}
		if r.ID != id || r.FieldType != rtype || !strings.EqualFold(r.SubDomain, below(name)) {
			return nil, &Fault{Kind: Failed, Text: c.api.host + " answered with records that were not asked for"}
		}
		found = append(found, r)
	}
	return found, nil
}

// SetRecords implements libdns.RecordSetter. The zone is published anew even
// where the record is right already: an earlier call may have failed between
// the two.
func (c *ovhClient) SetRecords(ctx context.Context, zone string, recs []libdns.Record) ([]libdns.Record, error) {
	return eachAddress(recs, func(rec libdns.Address) (libdns.Address, error) {
		found, err := c.find(ctx, zone, rec.Name, recordType(rec.IP))
		if err != nil {
			return rec, err
		}
		path := "/domain/zone/" + segment(zone) + "/record"
		shown := libdns.Address{Name: rec.Name}
		switch {
		case len(found) > 1:
			return rec, manyRecords("OVH", libdns.AbsoluteName(rec.Name, zone), recordType(rec.IP), len(found))
		case len(found) == 1 && sameAddress(found[0].Target, rec.IP):
			shown = rec
		case len(found) == 1:
			change := map[string]any{"subDomain": found[0].SubDomain, "target": rec.IP.String(), "ttl": found[0].TTL}
			err = c.api.write(ctx, http.MethodPut, path+"/"+strconv.FormatInt(found[0].ID, 10), change, nil)
		default:
			var made ovhRecord
			err = c.api.write(ctx, http.MethodPost, path,
				map[string]any{"fieldType": recordType(rec.IP), "subDomain": below(rec.Name), "target": rec.IP.String(), "ttl": newTTL}, &made)
			if err == nil {
				shown, err = said(c.api.host, rec, made.Target)
			}
		}
		if err != nil {
			return rec, err
		}
		return shown, c.publish(ctx, zone)
	})
}

// publish has the name servers take the zone's records. Where that fails, they
// are changed and not published.
func (c *ovhClient) publish(ctx context.Context, zone string) error {
	err := c.api.write(ctx, http.MethodPost, "/domain/zone/"+segment(zone)+"/refresh", nil, nil)
	if err != nil {
		f := asFault(err)
		f.Text = "the record was changed, but publishing the zone failed: " + f.Text
		return f
	}
	return nil
}

// DeleteRecords implements libdns.RecordDeleter.
func (c *ovhClient) DeleteRecords(ctx context.Context, zone string, recs []libdns.Record) ([]libdns.Record, error) {
	return eachAddress(recs, func(rec libdns.Address) (libdns.Address, error) {
		found, err := c.find(ctx, zone, rec.Name, recordType(rec.IP))
		if err != nil {
			return rec, err
		}
		found = slices.DeleteFunc(found, func(r ovhRecord) bool { return !sameAddress(r.Target, rec.IP) })
		for _, r := range found {
			if err := c.api.write(ctx, http.MethodDelete, "/domain/zone/"+segment(zone)+"/record/"+strconv.FormatInt(r.ID, 10), nil, nil); err != nil {
				return rec, err
			}
		}
		return rec, c.publish(ctx, zone)
	})
}

func (c *ovhClient) texts(ctx context.Context, zone, name string) (list []text, err error) {
	found, err := c.find(ctx, zone, name, "TXT")
	for _, r := range found {
		list = append(list, text{strconv.FormatInt(r.ID, 10), r.Target})
	}
	return list, err
}

func (c *ovhClient) makeText(ctx context.Context, zone, name, value string) error {
	made := map[string]any{"fieldType": "TXT", "subDomain": below(name), "target": value, "ttl": newTTL}
	return c.api.write(ctx, http.MethodPost, "/domain/zone/"+segment(zone)+"/record", made, nil)
}

func (c *ovhClient) dropText(ctx context.Context, zone, _ string, t text) error {
	return c.api.write(ctx, http.MethodDelete, "/domain/zone/"+segment(zone)+"/record/"+segment(t.id), nil, nil)
}

func (c *ovhClient) addTXT(ctx context.Context, zone, name, value string) error {
	return c.published(ctx, zone, addText(ctx, c, zone, name, value))
}

func (c *ovhClient) removeTXT(ctx context.Context, zone, name, value string) error {
	return c.published(ctx, zone, removeText(ctx, c, zone, name, value))
}

// published publishes the zone unless err says that there is nothing new, also
// where nothing was changed: see SetRecords.
func (c *ovhClient) published(ctx context.Context, zone string, err error) error {
	if err != nil {
		return err
	}
	return c.publish(ctx, zone)
}

// ovhFinal are the API's words for keys that will not work.
var ovhFinal = []string{"INVALID_CREDENTIAL", "INVALID_KEY", "INVALID_SIGNATURE", "NOT_CREDENTIAL", "NOT_GRANTED_CALL", "FORBIDDEN"}

// judgeOVH reads refusals: {"errorCode": "…", "message": "…"}.
func judgeOVH(status int, body []byte) verdict {
	if status < 300 {
		return verdict{ours: json.Valid(body) || len(body) == 0}
	}
	var answer struct {
		Code    string `json:"errorCode"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Message == "" {
		return verdict{}
	}
	v := verdict{ours: true, words: strings.TrimSpace(answer.Message + " " + answer.Code)}
	if slices.Contains(ovhFinal, answer.Code) {
		v.kind = Final
		v.action = "Make new keys at OVH with the rights GET, POST, PUT and DELETE on /domain/zone/*, and put them into the config."
	}
	return v
}
