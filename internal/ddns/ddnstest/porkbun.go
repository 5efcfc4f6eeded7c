package ddnstest

// The part of Porkbun's API v3 that keeps DNS records.

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Porkbun speaks https://api.porkbun.com/api/json/v3 for one domain. Make it
// with NewPorkbun.
type Porkbun struct {
	records
	key, secret, zone string
}

// NewPorkbun returns a fake for an account with one domain whose API access is
// switched on.
func NewPorkbun(key, secret, zone string) *Porkbun {
	return &Porkbun{key: key, secret: secret, zone: zone}
}

type porkbunBody struct {
	Key     string `json:"apikey"`
	Secret  string `json:"secretapikey"`
	Name    string `json:"name"`
	Type    string `json:"type"`
	Content string `json:"content"`
	TTL     string `json:"ttl"`
}

// ServeHTTP implements http.Handler.
func (p *Porkbun) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, ok := p.admit(w, r)
	if !ok {
		return
	}
	var body porkbunBody
	path, inAPI := strings.CutPrefix(r.URL.Path, "/api/json/v3/dns/")
	parts := strings.Split(path, "/")
	switch {
	case r.Method != http.MethodPost || json.Unmarshal(raw, &body) != nil:
		p.fail(w, "All API requests must be POST with JSON.")
	case body.Key != p.key || body.Secret != p.secret:
		p.fail(w, "Invalid API key. (002)")
	case !inAPI || len(parts) < 2 || parts[1] != p.zone:
		p.fail(w, "Invalid domain.")
	case parts[0] == "retrieveByNameType" && (len(parts) == 3 || len(parts) == 4):
		p.retrieve(w, parts[2], strings.Join(parts[3:], ""))
	case parts[0] == "create" && len(parts) == 2:
		p.write(w, Record{}, body)
	case parts[0] == "edit" && len(parts) == 3:
		old, ok := p.byID(parts[2])
		if !ok {
			p.fail(w, "Invalid record ID.")
			return
		}
		p.write(w, old, body)
	case parts[0] == "delete" && len(parts) == 3:
		if !p.Remove(parts[2]) {
			p.fail(w, "Invalid record ID.")
			return
		}
		answerJSON(w, http.StatusOK, map[string]string{"status": "SUCCESS"})
	default:
		p.fail(w, "Unknown command.")
	}
}

func (p *Porkbun) fail(w http.ResponseWriter, message string) {
	answerJSON(w, http.StatusBadRequest, map[string]string{"status": "ERROR", "message": message})
}

// retrieve answers retrieveByNameType. Ids and TTLs are strings.
func (p *Porkbun) retrieve(w http.ResponseWriter, rtype, sub string) {
	list := []map[string]string{}
	for _, r := range p.Records(absolute(sub, p.zone), rtype) {
		list = append(list, map[string]string{"id": r.ID, "name": r.Name, "type": r.Type, "content": r.Content,
			"ttl": strconv.Itoa(r.TTL), "prio": "0", "notes": ""})
	}
	answerJSON(w, http.StatusOK, map[string]any{"status": "SUCCESS", "records": list})
}

// write answers create and edit; the TTL is 600 where none is given. An edit
// that changes nothing is refused.
func (p *Porkbun) write(w http.ResponseWriter, old Record, body porkbunBody) {
	ttl := 600
	if body.TTL != "" {
		ttl, _ = strconv.Atoi(body.TTL)
	}
	rec := Record{ID: old.ID, Type: body.Type, Name: absolute(body.Name, p.zone), Content: body.Content, TTL: ttl}
	switch {
	case !fits(body.Type, body.Content) || ttl < 300:
		p.fail(w, "Edit error: We were unable to edit the DNS record.")
		return
	case old == rec:
		p.fail(w, "Edit error: We were unable to edit the DNS record.")
		return
	}
	for _, same := range p.Records(rec.Name, rec.Type) {
		if old.ID == "" && same.Content == rec.Content {
			p.fail(w, "Create error: We were unable to create the DNS record.")
			return
		}
	}
	id, err := strconv.Atoi(p.Put(rec))
	if err != nil {
		http.Error(w, fmt.Sprint(err), http.StatusInternalServerError)
		return
	}
	answerJSON(w, http.StatusOK, map[string]any{"status": "SUCCESS", "id": id})
}
