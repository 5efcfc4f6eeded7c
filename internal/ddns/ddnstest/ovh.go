package ddnstest

// The part of OVH's API 1.0 that keeps DNS zones.

import (
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// OVHKeys are the three keys of an application.
type OVHKeys struct{ Application, Secret, Consumer string }

// OVH speaks https://eu.api.ovh.com/1.0 for one zone. Changes count when the
// zone is refreshed. Make it with NewOVH.
type OVH struct {
	records
	keys OVHKeys
	zone string
	skew time.Duration // immutable

	published []Record // guarded by common.mu
}

// NewOVH returns a fake for an application that may do everything with a zone,
// on a service whose clock is ahead by skew.
func NewOVH(keys OVHKeys, zone string, skew time.Duration) *OVH {
	return &OVH{keys: keys, zone: zone, skew: skew}
}

// Published returns what the name servers have of a name and type.
func (o *OVH) Published(name, rtype string) []Record {
	o.mu.Lock()
	defer o.mu.Unlock()
	var found []Record
	for _, r := range o.published {
		if r.Name == name && r.Type == rtype {
			found = append(found, r)
		}
	}
	return found
}

// ServeHTTP implements http.Handler.
func (o *OVH) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, ok := o.admit(w, r)
	if !ok {
		return
	}
	if r.URL.Path == "/1.0/auth/time" {
		answerJSON(w, http.StatusOK, time.Now().Add(o.skew).Unix())
		return
	}
	if status, code, message := o.wrong(r, body); code != "" {
		o.fail(w, status, code, message)
		return
	}
	path, ours := strings.CutPrefix(r.URL.Path, "/1.0/domain/zone/"+o.zone)
	id, single := strings.CutPrefix(path, "/record/")
	switch {
	case !ours:
		o.fail(w, http.StatusNotFound, "", "This service does not exist")
	case path == "/refresh" && r.Method == http.MethodPost:
		list := o.all()
		o.mu.Lock()
		o.published = list
		o.mu.Unlock()
		answerJSON(w, http.StatusOK, nil)
	case path == "/record" && r.Method == http.MethodGet:
		ids := []int64{}
		for _, rec := range o.Records(absolute(r.URL.Query().Get("subDomain"), o.zone), r.URL.Query().Get("fieldType")) {
			n, _ := strconv.ParseInt(rec.ID, 10, 64)
			ids = append(ids, n)
		}
		answerJSON(w, http.StatusOK, ids)
	case path == "/record" && r.Method == http.MethodPost:
		o.write(w, Record{}, body)
	case single:
		o.serveRecord(w, r.Method, id, body)
	default:
		o.fail(w, http.StatusNotFound, "", "Got an invalid (or empty) URL")
	}
}

func (o *OVH) serveRecord(w http.ResponseWriter, method, id string, body []byte) {
	rec, ok := o.byID(id)
	switch {
	case !ok:
		o.fail(w, http.StatusNotFound, "", "The requested object (id = "+id+") does not exist")
	case method == http.MethodGet:
		o.show(w, rec)
	case method == http.MethodPut:
		o.write(w, rec, body)
	case method == http.MethodDelete:
		o.Remove(id)
		answerJSON(w, http.StatusOK, nil)
	}
}

// wrong checks who asks, when, and that the request is signed.
func (o *OVH) wrong(r *http.Request, body []byte) (status int, code, message string) {
	at, err := strconv.ParseInt(r.Header.Get("X-Ovh-Timestamp"), 10, 64)
	url := "https://" + r.Host + r.URL.RequestURI()
	sum := sha1.Sum([]byte(o.keys.Secret + "+" + o.keys.Consumer + "+" + r.Method + "+" + url + "+" + string(body) + "+" + r.Header.Get("X-Ovh-Timestamp")))
	late := time.Now().Add(o.skew).Sub(time.Unix(at, 0)).Abs()
	switch {
	case r.Header.Get("X-Ovh-Application") != o.keys.Application:
		return http.StatusForbidden, "INVALID_KEY", "This application key is invalid"
	case r.Header.Get("X-Ovh-Consumer") != o.keys.Consumer:
		return http.StatusForbidden, "INVALID_CREDENTIAL", "This credential is not valid"
	case err != nil || late > 30*time.Second:
		return http.StatusBadRequest, "QUERY_TIME_OUT", "Query out of time"
	case r.Header.Get("X-Ovh-Signature") != "$1$"+hex.EncodeToString(sum[:]):
		return http.StatusBadRequest, "INVALID_SIGNATURE", "Invalid signature"
	}
	return 0, "", ""
}

func (o *OVH) fail(w http.ResponseWriter, status int, code, message string) {
	body := map[string]string{"message": message, "httpCode": fmt.Sprint(status, " ", http.StatusText(status))}
	if code != "" {
		body["errorCode"] = code
	}
	answerJSON(w, status, body)
}

// write answers POST and PUT; what is absent stays as it is.
func (o *OVH) write(w http.ResponseWriter, rec Record, body []byte) {
	in := struct {
		FieldType string `json:"fieldType"`
		SubDomain string `json:"subDomain"`
		Target    string `json:"target"`
		TTL       int    `json:"ttl"`
	}{rec.Type, relative(rec.Name, o.zone), rec.Content, rec.TTL}
	if json.Unmarshal(body, &in) != nil || !fits(in.FieldType, in.Target) || in.TTL != 0 && in.TTL < 60 {
		o.fail(w, http.StatusBadRequest, "", "Invalid parameters")
		return
	}
	made := rec.ID == ""
	rec.Type, rec.Name, rec.Content, rec.TTL = in.FieldType, absolute(in.SubDomain, o.zone), in.Target, in.TTL
	rec.ID = o.Put(rec)
	if !made {
		answerJSON(w, http.StatusOK, nil)
		return
	}
	o.show(w, rec)
}

func (o *OVH) show(w http.ResponseWriter, rec Record) {
	id, _ := strconv.ParseInt(rec.ID, 10, 64)
	answerJSON(w, http.StatusOK, map[string]any{"id": id, "zone": o.zone, "fieldType": rec.Type,
		"subDomain": relative(rec.Name, o.zone), "target": quoted(rec), "ttl": rec.TTL})
}
