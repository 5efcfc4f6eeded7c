package provider

// deSEC (https://desec.readthedocs.io), by a client of our own: the module of
// libdns gives every record it writes a TTL of an hour at least, also where the
// zone (every one below dedyn.io) takes a minute, and sleeps through a 429.

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/libdns/libdns"
)

const desecHost = "desec.io"

// desecClient implements zoneClient over sets of records.
type desecClient struct{ api *api }

func newDeSEC(cfg Config, domain string, a Account) (Provider, error) {
	zone, err := zoneOf(domain, a)
	if err != nil {
		return nil, err
	}
	client := desecClient{&api{
		transport: newTransport(cfg), host: desecHost, base: "https://" + desecHost + "/api/v1", agent: cfg.agent(), judge: judgeDeSEC,
		authorise: func(req *http.Request, _ []byte) { req.Header.Set("Authorization", "Token "+a.Token.Reveal()) },
	}}
	return &zoned{name: "deSEC", zone: zone, secrets: a.Secrets(), open: func() zoneClient { return client }}, nil
}

// desecSet is an RRset of the API.
type desecSet struct {
	Subname string   `json:"subname"`
	Type    string   `json:"type"`
	TTL     int      `json:"ttl,omitempty"`
	Records []string `json:"records"`
}

// setsOf and setOf are the paths of a zone's RRsets and of one. The zone's own
// name is "@" in a path and empty elsewhere.
func setsOf(zone string) string { return "/domains/" + segment(zone) + "/rrsets/" }

func setOf(zone, name, rtype string) string {
	return setsOf(zone) + strings.ReplaceAll(segment(name), "%40", "@") + "/" + rtype + "/"
}

// SetRecords implements libdns.RecordSetter. Whatever the set held, it holds
// the one address afterwards, in one request.
func (c desecClient) SetRecords(ctx context.Context, zone string, recs []libdns.Record) ([]libdns.Record, error) {
	return eachAddress(recs, func(rec libdns.Address) (libdns.Address, error) {
		var set desecSet
		status, err := c.api.read(ctx, http.MethodGet, setOf(zone, rec.Name, recordType(rec.IP)), nil, &set)
		switch {
		case status == http.StatusNotFound:
			return c.create(ctx, zone, rec)
		case err != nil:
			return rec, err
		case len(set.Records) == 1 && sameAddress(set.Records[0], rec.IP):
			return rec, nil
		}
		change := map[string]any{"records": []string{rec.IP.String()}} // the TTL stays
		if err := c.api.write(ctx, http.MethodPatch, setOf(zone, rec.Name, recordType(rec.IP)), change, &set); err != nil {
			return rec, err
		}
		return c.said(rec, set)
	})
}

// create makes a set of one address.
func (c desecClient) create(ctx context.Context, zone string, rec libdns.Address) (libdns.Address, error) {
	set, err := c.makeSet(ctx, zone, rec.Name, recordType(rec.IP), rec.IP.String())
	if err != nil {
		return rec, err
	}
	return c.said(rec, set)
}

// makeSet makes a set with the least TTL that the zone takes, and returns what
// the API says that it is.
func (c desecClient) makeSet(ctx context.Context, zone, name, rtype, content string) (set desecSet, err error) {
	var domain struct {
		MinimumTTL int `json:"minimum_ttl"`
	}
	status, err := c.api.read(ctx, http.MethodGet, "/domains/"+segment(zone)+"/", nil, &domain)
	if status == http.StatusNotFound {
		return set, noZone(desecHost, zone)
	}
	if err != nil {
		return set, err
	}
	made := desecSet{Subname: below(name), Type: rtype, TTL: max(domain.MinimumTTL, newTTL), Records: []string{content}}
	err = c.api.write(ctx, http.MethodPost, setsOf(zone), made, &set)
	return set, err
}

// said is what the API says a set holds now.
func (c desecClient) said(rec libdns.Address, set desecSet) (libdns.Address, error) {
	if len(set.Records) != 1 || set.Type != recordType(rec.IP) {
		return rec, &Fault{Text: desecHost + " took the change but does not return the record"}
	}
	return said(desecHost, rec, set.Records[0])
}

// DeleteRecords implements libdns.RecordDeleter.
func (c desecClient) DeleteRecords(ctx context.Context, zone string, recs []libdns.Record) ([]libdns.Record, error) {
	return eachAddress(recs, func(rec libdns.Address) (libdns.Address, error) {
		var set desecSet
		status, err := c.api.read(ctx, http.MethodGet, setOf(zone, rec.Name, recordType(rec.IP)), nil, &set)
		if status == http.StatusNotFound {
			return rec, nil
		}
		if err != nil {
			return rec, err
		}
		rest := slices.DeleteFunc(slices.Clone(set.Records), func(text string) bool { return sameAddress(text, rec.IP) })
		if len(rest) == len(set.Records) {
			return rec, nil
		}
		// A set without records is deleted.
		return rec, c.api.write(ctx, http.MethodPatch, setOf(zone, rec.Name, recordType(rec.IP)), map[string]any{"records": rest}, nil)
	})
}

// textSet reads the TXT records of a name; nil where there are none.
func (c desecClient) textSet(ctx context.Context, zone, name string) ([]string, error) {
	var set desecSet
	status, err := c.api.read(ctx, http.MethodGet, setOf(zone, name, "TXT"), nil, &set)
	if status == http.StatusNotFound {
		return nil, nil
	}
	return set.Records, err
}

// changeTexts makes records the set, its TTL as it is. One without records is
// deleted.
func (c desecClient) changeTexts(ctx context.Context, zone, name string, records []string) error {
	return c.api.write(ctx, http.MethodPatch, setOf(zone, name, "TXT"), map[string]any{"records": records}, nil)
}

func (c desecClient) addTXT(ctx context.Context, zone, name, value string) error {
	records, err := c.textSet(ctx, zone, name)
	switch {
	case err != nil:
		return err
	case slices.ContainsFunc(records, func(r string) bool { return unquote(r) == value }):
		return nil
	case len(records) == 0:
		_, err := c.makeSet(ctx, zone, name, "TXT", quote(value))
		return err
	case len(records) >= maxTexts:
		return manyTexts(desecHost, libdns.AbsoluteName(name, zone), len(records))
	}
	return c.changeTexts(ctx, zone, name, append(records, quote(value)))
}

func (c desecClient) removeTXT(ctx context.Context, zone, name, value string) error {
	records, err := c.textSet(ctx, zone, name)
	if err != nil {
		return err
	}
	rest := slices.DeleteFunc(slices.Clone(records), func(r string) bool { return unquote(r) == value })
	if len(rest) == len(records) {
		return nil
	}
	return c.changeTexts(ctx, zone, name, rest)
}

// judgeDeSEC reads refusals: {"detail": "…"}, or the errors of each field.
func judgeDeSEC(status int, body []byte) verdict {
	if status == http.StatusNoContent && len(body) == 0 {
		return verdict{ours: true}
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil || object == nil {
		return verdict{}
	}
	v := verdict{ours: true}
	if status < 300 {
		return v
	}
	for _, field := range slices.Sorted(maps.Keys(object)) {
		var one string
		var many []string
		if json.Unmarshal(object[field], &one) == nil {
			many = []string{one}
		} else if json.Unmarshal(object[field], &many) != nil {
			continue
		}
		v.words = strings.TrimPrefix(fmt.Sprintf("%s; %s: %s", v.words, field, strings.Join(many, " ")), "; ")
	}
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		v.kind = Final
		v.action = "Make a new token at desec.io that may change this zone, and put it into the config."
	}
	return v
}
