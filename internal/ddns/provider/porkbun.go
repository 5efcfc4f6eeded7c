package provider

// Porkbun (https://porkbun.com/api/json/v3/documentation), by a client of our
// own: the module of libdns makes an http.Client for each request that nothing
// can reach into, takes no context, and ends the process when closing an
// answer fails.

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/libdns/libdns"
)

const porkbunHost = "api.porkbun.com"

// porkbunClient implements zoneClient over records with ids.
type porkbunClient struct {
	api         *api
	key, secret secret.Value
}

func newPorkbun(cfg Config, domain string, a Account) (Provider, error) {
	zone, err := zoneOf(domain, a)
	if err != nil {
		return nil, err
	}
	client := porkbunClient{key: a.Key, secret: a.Token, api: &api{
		transport: newTransport(cfg), host: porkbunHost, base: "https://" + porkbunHost + "/api/json/v3", agent: cfg.agent(), judge: judgePorkbun,
	}}
	return &zoned{name: "Porkbun", zone: zone, secrets: a.Secrets(), open: func() zoneClient { return client }}, nil
}

// with is a request's body: the fields, in pairs, and the keys.
func (c porkbunClient) with(pairs ...string) map[string]string {
	body := map[string]string{"apikey": c.key.Reveal(), "secretapikey": c.secret.Reveal()}
	for i := 0; i+1 < len(pairs); i += 2 {
		body[pairs[i]] = pairs[i+1]
	}
	return body
}

type porkbunRecord struct {
	ID      flexible `json:"id"`
	Name    string   `json:"name"` // whole
	Type    string   `json:"type"`
	Content string   `json:"content"`
	TTL     flexible `json:"ttl"`
}

// below is a record's name as the API wants it: nothing for the zone itself.
func below(name string) string { return strings.TrimPrefix(name, "@") }

// find lists the records of a name and type.
func (c porkbunClient) find(ctx context.Context, zone, name, rtype string) ([]porkbunRecord, error) {
	path := "/dns/retrieveByNameType/" + segment(zone) + "/" + rtype
	if sub := below(name); sub != "" {
		path += "/" + segment(sub)
	}
	var list struct {
		Records []porkbunRecord `json:"records"`
	}
	if _, err := c.api.read(ctx, http.MethodPost, path, c.with(), &list); err != nil {
		return nil, err
	}
	for _, r := range list.Records {
		if r.ID == "" || r.Type != rtype || !strings.EqualFold(r.Name, libdns.AbsoluteName(name, zone)) {
			return nil, &Fault{Kind: Failed, Text: porkbunHost + " answered with records that were not asked for"}
		}
	}
	return list.Records, nil
}

// SetRecords implements libdns.RecordSetter. The API does not say what a record
// has after a change.
func (c porkbunClient) SetRecords(ctx context.Context, zone string, recs []libdns.Record) ([]libdns.Record, error) {
	return eachAddress(recs, func(rec libdns.Address) (libdns.Address, error) {
		found, err := c.find(ctx, zone, rec.Name, recordType(rec.IP))
		if err != nil {
			return rec, err
		}
		fields := []string{"name", below(rec.Name), "type", recordType(rec.IP), "content", rec.IP.String()}
		path := "/dns/create/" + segment(zone)
		switch {
		case len(found) > 1:
			return rec, manyRecords("Porkbun", libdns.AbsoluteName(rec.Name, zone), recordType(rec.IP), len(found))
		case len(found) == 1 && sameAddress(found[0].Content, rec.IP):
			return rec, nil // an edit that changes nothing is refused
		case len(found) == 1:
			path = "/dns/edit/" + segment(zone) + "/" + segment(string(found[0].ID))
			fields = append(fields, "ttl", string(found[0].TTL))
		}
		err = c.api.write(ctx, http.MethodPost, path, c.with(fields...), nil)
		return libdns.Address{Name: rec.Name}, err
	})
}

// DeleteRecords implements libdns.RecordDeleter.
func (c porkbunClient) DeleteRecords(ctx context.Context, zone string, recs []libdns.Record) ([]libdns.Record, error) {
	return eachAddress(recs, func(rec libdns.Address) (libdns.Address, error) {
		found, err := c.find(ctx, zone, rec.Name, recordType(rec.IP))
		if err != nil {
			return rec, err
		}
		for _, r := range found {
			if !sameAddress(r.Content, rec.IP) {
				continue
			}
			if err := c.drop(ctx, zone, string(r.ID)); err != nil {
				return rec, err
			}
		}
		return rec, nil
	})
}

func (c porkbunClient) texts(ctx context.Context, zone, name string) (list []text, err error) {
	found, err := c.find(ctx, zone, name, "TXT")
	for _, r := range found {
		list = append(list, text{string(r.ID), r.Content})
	}
	return list, err
}

func (c porkbunClient) makeText(ctx context.Context, zone, name, value string) error {
	fields := c.with("name", below(name), "type", "TXT", "content", value)
	return c.api.write(ctx, http.MethodPost, "/dns/create/"+segment(zone), fields, nil)
}

func (c porkbunClient) dropText(ctx context.Context, zone, _ string, t text) error {
	return c.drop(ctx, zone, t.id)
}

// drop deletes a record.
func (c porkbunClient) drop(ctx context.Context, zone, id string) error {
	return c.api.write(ctx, http.MethodPost, "/dns/delete/"+segment(zone)+"/"+segment(id), c.with(), nil)
}

func (c porkbunClient) addTXT(ctx context.Context, zone, name, value string) error {
	return addText(ctx, c, zone, name, value)
}

func (c porkbunClient) removeTXT(ctx context.Context, zone, name, value string) error {
	return removeText(ctx, c, zone, name, value)
}

// judgePorkbun reads {"status": "SUCCESS"} or {"status": "ERROR", "message":
// "…"}. The API has no codes for what is final: only the words tell.
func judgePorkbun(status int, body []byte) verdict {
	var answer struct {
		Status  string `json:"status"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Status == "" {
		return verdict{}
	}
	v := verdict{ours: true, refused: answer.Status != "SUCCESS", words: answer.Message}
	words := strings.ToLower(answer.Message)
	switch {
	case !v.refused || status >= 500:
	case strings.Contains(words, "api key"), strings.Contains(words, "api access"):
		v.kind = Final
		v.action = "Check the API key and the secret key, and switch API ACCESS on for the domain at porkbun.com."
	case status == http.StatusBadRequest, status == http.StatusForbidden:
		v.kind = Doubtful
		v.action = "Check that the domain belongs to the account of the API key."
	}
	return v
}
