package ddnstest

// The part of deSEC's API v1 that keeps sets of records.

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// DeSEC speaks https://desec.io/api/v1 for one zone. Make it with NewDeSEC.
type DeSEC struct {
	records
	token, zone string
	minTTL      int
}

// NewDeSEC returns a fake for an account with one zone, whose records live for
// at least minTTL seconds (60 below dedyn.io, more elsewhere).
func NewDeSEC(token, zone string, minTTL int) *DeSEC {
	return &DeSEC{token: token, zone: zone, minTTL: minTTL}
}

type desecSet struct {
	Domain  string    `json:"domain"`
	Subname *string   `json:"subname"`
	Name    string    `json:"name"`
	Type    string    `json:"type"`
	TTL     *int      `json:"ttl"`
	Records *[]string `json:"records"`
}

// ServeHTTP implements http.Handler.
func (d *DeSEC) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, ok := d.admit(w, r)
	if !ok {
		return
	}
	path, inAPI := strings.CutPrefix(r.URL.Path, "/api/v1/domains/"+d.zone+"/")
	parts := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case r.Header.Get("Authorization") != "Token "+d.token:
		answerJSON(w, http.StatusUnauthorized, map[string]string{"detail": "Invalid token."})
	case !inAPI || !strings.HasSuffix(r.URL.Path, "/"):
		answerJSON(w, http.StatusNotFound, map[string]string{"detail": "Not found."})
	case path == "" && r.Method == http.MethodGet:
		answerJSON(w, http.StatusOK, map[string]any{"name": d.zone, "minimum_ttl": d.minTTL})
	case parts[0] == "rrsets" && len(parts) == 1 && r.Method == http.MethodPost:
		d.create(w, body)
	case parts[0] == "rrsets" && len(parts) == 3:
		d.serveSet(w, r.Method, parts[1], parts[2], body)
	default:
		answerJSON(w, http.StatusMethodNotAllowed, map[string]string{"detail": fmt.Sprintf("Method %q not allowed.", r.Method)})
	}
}

// create answers POST.
func (d *DeSEC) create(w http.ResponseWriter, body []byte) {
	var set desecSet
	if json.Unmarshal(body, &set) != nil || set.Subname == nil || set.TTL == nil || set.Records == nil {
		answerJSON(w, http.StatusBadRequest, map[string][]string{"ttl": {"This field is required."}})
		return
	}
	if len(d.Records(absolute(*set.Subname, d.zone), set.Type)) > 0 {
		answerJSON(w, http.StatusBadRequest, map[string][]string{"non_field_errors": {"Another RRset with the same subdomain and type exists for this domain."}})
		return
	}
	d.replace(w, http.StatusCreated, absolute(*set.Subname, d.zone), set.Type, *set.TTL, *set.Records)
}

// serveSet answers for one set.
func (d *DeSEC) serveSet(w http.ResponseWriter, method, subname, rtype string, body []byte) {
	name := absolute(subname, d.zone)
	old := d.Records(name, rtype)
	if len(old) == 0 {
		answerJSON(w, http.StatusNotFound, map[string]string{"detail": "Not found."})
		return
	}
	var contents []string
	for _, r := range old {
		contents = append(contents, r.Content)
	}
	switch method {
	case http.MethodGet:
		d.show(w, http.StatusOK, name, rtype, old[0].TTL, contents)
	case http.MethodPatch:
		set := desecSet{Records: &contents}
		if json.Unmarshal(body, &set) != nil {
			answerJSON(w, http.StatusBadRequest, map[string]string{"detail": "JSON parse error"})
			return
		}
		if set.TTL == nil { // what is absent stays as it is
			d.store(w, http.StatusOK, name, rtype, old[0].TTL, *set.Records)
			return
		}
		d.replace(w, http.StatusOK, name, rtype, *set.TTL, *set.Records)
	}
}

// replace makes contents the set, and answers.
func (d *DeSEC) replace(w http.ResponseWriter, status int, name, rtype string, ttl int, contents []string) {
	if ttl < d.minTTL {
		answerJSON(w, http.StatusBadRequest, map[string][]string{"ttl": {fmt.Sprintf("Ensure this value is greater than or equal to %d.", d.minTTL)}})
		return
	}
	d.store(w, status, name, rtype, ttl, contents)
}

// store is replace with any TTL.
func (d *DeSEC) store(w http.ResponseWriter, status int, name, rtype string, ttl int, contents []string) {
	for _, c := range contents {
		if bare := rtype == "TXT" && (len(c) < 2 || c[0] != '"' || c[len(c)-1] != '"'); bare || !fits(rtype, c) {
			answerJSON(w, http.StatusBadRequest, map[string][]string{"records": {"Record content malformed."}})
			return
		}
	}
	for _, r := range d.Records(name, rtype) {
		d.Remove(r.ID)
	}
	for _, c := range contents {
		d.Put(Record{Type: rtype, Name: name, Content: c, TTL: ttl})
	}
	if len(contents) == 0 {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	d.show(w, status, name, rtype, ttl, contents)
}

func (d *DeSEC) show(w http.ResponseWriter, status int, name, rtype string, ttl int, contents []string) {
	sub := relative(name, d.zone)
	answerJSON(w, status, desecSet{Domain: d.zone, Subname: &sub, Name: name + ".", Type: rtype, TTL: &ttl, Records: &contents})
}

// answerJSON answers with a status and a body in JSON.
func answerJSON(w http.ResponseWriter, status int, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		status, raw = http.StatusInternalServerError, []byte(err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(raw)
}
