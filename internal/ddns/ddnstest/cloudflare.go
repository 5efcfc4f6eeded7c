package ddnstest

// The part of Cloudflare's API v4 that keeps address records.

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Cloudflare speaks https://api.cloudflare.com/client/v4 for zones and their
// records. Make it with NewCloudflare.
type Cloudflare struct {
	records
	token string
	zones []string // immutable
}

// NewCloudflare returns a fake for one account with its zones.
func NewCloudflare(token string, zones ...string) *Cloudflare {
	return &Cloudflare{token: token, zones: zones}
}

// ServeHTTP implements http.Handler.
func (c *Cloudflare) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, ok := c.admit(w, r)
	if !ok {
		return
	}
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	path, inAPI := strings.CutPrefix(r.URL.Path, "/client/v4/zones")
	parts := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case !inAPI:
		fail(w, http.StatusNotFound, 7000, "No route for that URI")
	case !bearer || len(token) < 20 || strings.ContainsAny(token, " \r\n"):
		fail(w, http.StatusBadRequest, 6003, "Invalid request headers", 6111, "Invalid format for Authorization header")
	case token != c.token:
		fail(w, http.StatusForbidden, 9109, "Invalid access token")
	case r.Method == http.MethodGet && path == "":
		c.listZones(w, r.URL.Query().Get("name"))
	case len(parts) >= 2 && parts[1] == "dns_records" && c.zone(parts[0]) != "":
		c.serveRecords(w, r, c.zone(parts[0]), parts[2:], body)
	default:
		fail(w, http.StatusNotFound, 7003, "Could not route to "+r.URL.Path)
	}
}

// listZones answers GET /zones?name=.
func (c *Cloudflare) listZones(w http.ResponseWriter, name string) {
	zones := []map[string]string{}
	for i, zone := range c.zones {
		if name == "" || name == zone {
			zones = append(zones, map[string]string{"id": fmt.Sprintf("zone%d", i), "name": zone, "status": "active"})
		}
	}
	succeed(w, zones)
}

// zone is the name of the zone with that id; empty where there is none.
func (c *Cloudflare) zone(id string) string {
	for i, zone := range c.zones {
		if id == fmt.Sprintf("zone%d", i) {
			return zone
		}
	}
	return ""
}

// change is the body of POST and PATCH; what is absent stays as it is.
type change struct {
	Type    *string `json:"type"`
	Name    *string `json:"name"`
	Content *string `json:"content"`
	Proxied *bool   `json:"proxied"`
	TTL     *int    `json:"ttl"`
}

// serveRecords answers everything below /zones/{id}/dns_records.
func (c *Cloudflare) serveRecords(w http.ResponseWriter, r *http.Request, zone string, rest []string, body []byte) {
	var ch change
	if r.Method == http.MethodPost || r.Method == http.MethodPatch {
		if err := json.Unmarshal(body, &ch); err != nil {
			fail(w, http.StatusBadRequest, 9207, "Request body is invalid")
			return
		}
		if code, text := ch.wrong(); code != 0 {
			fail(w, http.StatusBadRequest, code, text)
			return
		}
	}
	switch {
	case r.Method == http.MethodGet && len(rest) == 0:
		q := r.URL.Query()
		list := append([]Record{}, c.Records(q.Get("name"), q.Get("type"))...)
		if part := q.Get("content.contains"); part != "" {
			list = slices.DeleteFunc(list, func(r Record) bool { return !strings.Contains(r.Content, part) })
		}
		if want := q.Get("content.exact"); want != "" {
			list = slices.DeleteFunc(list, func(r Record) bool { return r.Content != want })
		}
		succeed(w, list)
	case r.Method == http.MethodPost && len(rest) == 0:
		c.create(w, zone, ch)
	case r.Method == http.MethodPatch && len(rest) == 1:
		c.patch(w, zone, rest[0], ch)
	case r.Method == http.MethodDelete && len(rest) == 1:
		if !c.Remove(rest[0]) {
			fail(w, http.StatusNotFound, 81044, "Record does not exist.")
			return
		}
		succeed(w, map[string]string{"id": rest[0]})
	default:
		fail(w, http.StatusMethodNotAllowed, 10405, "Method not allowed for this authentication scheme")
	}
}

// wrong is the API's complaint about a change, 0 where there is none.
func (ch change) wrong() (code int, text string) {
	if ch.Content != nil && (ch.Type == nil || *ch.Type != "TXT") {
		addr, err := netip.ParseAddr(*ch.Content)
		if err != nil || (ch.Type != nil && (*ch.Type == "A") != addr.Is4()) {
			return 9005, "Content for A record must be a valid IPv4 address."
		}
	}
	if ch.TTL != nil && *ch.TTL != 1 && (*ch.TTL < 60 || *ch.TTL > 86400) {
		return 9021, "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic."
	}
	return 0, ""
}

// create answers POST.
func (c *Cloudflare) create(w http.ResponseWriter, zone string, ch change) {
	if ch.Type == nil || ch.Name == nil || ch.Content == nil {
		fail(w, http.StatusBadRequest, 9000, "DNS name is invalid.")
		return
	}
	rec := Record{Type: *ch.Type, Name: absolute(*ch.Name, zone), Content: *ch.Content, TTL: 1}
	rec.apply(ch)
	for _, old := range c.Records(rec.Name, rec.Type) {
		if old.Content == rec.Content {
			fail(w, http.StatusBadRequest, 81058, "An identical record already exists.")
			return
		}
	}
	rec.ID = c.Put(rec)
	succeed(w, rec)
}

// patch answers PATCH: only what is given changes.
func (c *Cloudflare) patch(w http.ResponseWriter, zone, id string, ch change) {
	rec, ok := c.byID(id)
	if !ok {
		fail(w, http.StatusNotFound, 81044, "Record does not exist.")
		return
	}
	if ch.Name != nil {
		rec.Name = absolute(*ch.Name, zone)
	}
	rec.apply(ch)
	c.Put(rec)
	succeed(w, rec)
}

// apply takes over what both POST and PATCH may set.
func (r *Record) apply(ch change) {
	if ch.Content != nil {
		r.Content = *ch.Content
	}
	if ch.Proxied != nil {
		r.Proxied = *ch.Proxied
	}
	if ch.TTL != nil {
		r.TTL = *ch.TTL
	}
}

// fault is an error in the API's envelope.
type fault struct {
	Code    int     `json:"code"`
	Message string  `json:"message"`
	Chain   []fault `json:"error_chain,omitempty"`
}

// succeed answers 200 with result in the envelope.
func succeed(w http.ResponseWriter, result any) {
	envelope(w, http.StatusOK, map[string]any{"success": true, "errors": []fault{}, "messages": []string{}, "result": result})
}

// fail answers with an error; rest is the code and text of one in its chain.
func fail(w http.ResponseWriter, status, code int, text string, rest ...any) {
	f := fault{Code: code, Message: text}
	if len(rest) == 2 {
		f.Chain = []fault{{Code: rest[0].(int), Message: rest[1].(string)}}
	}
	envelope(w, status, map[string]any{"success": false, "errors": []fault{f}, "messages": []string{}, "result": nil})
}

func envelope(w http.ResponseWriter, status int, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		status, raw = http.StatusInternalServerError, []byte(err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(raw)
}
