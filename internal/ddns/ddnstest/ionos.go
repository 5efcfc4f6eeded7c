package ddnstest

// IONOS's DNS API v1.

import (
	"encoding/json"
	"net/http"
	"strings"
)

// IONOS speaks https://api.hosting.ionos.com/dns/v1 for one zone. Make it with
// NewIONOS.
type IONOS struct {
	records
	key, zone string
}

// NewIONOS returns a fake for an account with one zone; key is PREFIX.SECRET.
func NewIONOS(key, zone string) *IONOS { return &IONOS{key: key, zone: zone} }

const ionosZoneID = "11af3414-ebba-11e9-8df5-66fbe8a334b4"

type ionosRecord struct {
	ID       string `json:"id,omitempty"`
	Name     string `json:"name"`
	RootName string `json:"rootName"`
	Type     string `json:"type"`
	Content  string `json:"content"`
	TTL      int    `json:"ttl"`
	Prio     int    `json:"prio"`
	Disabled bool   `json:"disabled"`
}

// ServeHTTP implements http.Handler.
func (s *IONOS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, ok := s.admit(w, r)
	if !ok {
		return
	}
	path, inAPI := strings.CutPrefix(r.URL.Path, "/dns/v1/zones")
	rest, inZone := strings.CutPrefix(path, "/"+ionosZoneID)
	id, single := strings.CutPrefix(rest, "/records/")
	switch {
	case r.Header.Get("X-API-Key") != s.key:
		s.fail(w, http.StatusUnauthorized, "UNAUTHORIZED", "The customer is not authorized to do this operation.")
	case inAPI && path == "" && r.Method == http.MethodGet:
		answerJSON(w, http.StatusOK, []map[string]string{{"id": ionosZoneID, "name": s.zone, "type": "NATIVE"}})
	case inZone && rest == "" && r.Method == http.MethodGet:
		list := []ionosRecord{}
		for _, rec := range s.Records(r.URL.Query().Get("recordName"), r.URL.Query().Get("recordType")) {
			list = append(list, s.show(rec))
		}
		answerJSON(w, http.StatusOK, map[string]any{"id": ionosZoneID, "name": s.zone, "type": "NATIVE", "records": list})
	case inZone && rest == "/records" && r.Method == http.MethodPost:
		s.create(w, body)
	case inZone && single:
		s.serveRecord(w, r.Method, id, body)
	default:
		s.fail(w, http.StatusNotFound, "NOT_FOUND", "There is no such resource.")
	}
}

func (s *IONOS) create(w http.ResponseWriter, body []byte) {
	var in []ionosRecord
	if json.Unmarshal(body, &in) != nil || len(in) != 1 || !fits(in[0].Type, in[0].Content) || in[0].TTL != 0 && in[0].TTL < 60 {
		s.fail(w, http.StatusBadRequest, "INVALID_RECORD", "The record is not valid.")
		return
	}
	rec := Record{Type: in[0].Type, Name: in[0].Name, Content: in[0].Content, TTL: in[0].TTL}
	rec.ID = s.Put(rec)
	answerJSON(w, http.StatusCreated, []ionosRecord{s.show(rec)})
}

// serveRecord answers PUT, which replaces, and DELETE.
func (s *IONOS) serveRecord(w http.ResponseWriter, method, id string, body []byte) {
	rec, ok := s.byID(id)
	var in ionosRecord
	switch {
	case !ok:
		s.fail(w, http.StatusNotFound, "RECORD_NOT_FOUND", "Record does not exist.")
	case method == http.MethodDelete:
		s.Remove(id)
		w.WriteHeader(http.StatusOK)
	case method == http.MethodPut && (json.Unmarshal(body, &in) != nil || !fits(rec.Type, in.Content)):
		s.fail(w, http.StatusBadRequest, "INVALID_RECORD", "The record is not valid.")
	case method == http.MethodPut:
		rec.Content, rec.TTL, rec.Disabled = in.Content, in.TTL, in.Disabled
		if in.TTL == 0 {
			rec.TTL = 3600
		}
		s.Put(rec)
		answerJSON(w, http.StatusOK, s.show(rec))
	}
}

func (s *IONOS) show(r Record) ionosRecord {
	return ionosRecord{ID: r.ID, Name: r.Name, RootName: s.zone, Type: r.Type, Content: quoted(r), TTL: r.TTL, Disabled: r.Disabled}
}

func (s *IONOS) fail(w http.ResponseWriter, status int, code, message string) {
	answerJSON(w, status, []map[string]string{{"code": code, "message": message}})
}
