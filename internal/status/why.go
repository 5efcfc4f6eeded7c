package status

// /api/v1/why: how a name is answered, and why.

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"time"
)

// whyTimeout bounds one explanation; it may ask upstream.
const whyTimeout = 8 * time.Second

// maxName bounds what is taken for a name: its text can be four times as long
// as the name on the wire, where every octet is escaped (RFC 1035, section 5.1).
const maxName = 1024

// WhyFunc explains how a question of a client's is answered now. The value is
// rendered as JSON; an error says what is wrong with the question, or who did
// not answer, and the value may be of use even then. It is called by many
// goroutines at once.
type WhyFunc func(ctx context.Context, name, qtype string, client netip.Addr) (any, error)

// why answers /api/v1/why?name=&type=. The type is A unless given.
func (s *Server) why(w http.ResponseWriter, r *http.Request) {
	if s.cfg.Why == nil {
		reply(w, http.StatusNotFound, textType, []byte("Nothing is explained here.\n"))
		return
	}
	query := r.URL.Query()
	name, qtype := query.Get("name"), strings.ToUpper(query.Get("type"))
	if qtype == "" {
		qtype = "A"
	}
	if name == "" || len(name) > maxName || len(qtype) > 16 {
		reply(w, http.StatusBadRequest, textType, []byte("Say which name and type: /api/v1/why?name=mqtt.example.org&type=A\n"))
		return
	}
	client, _ := netip.ParseAddrPort(r.RemoteAddr)
	ctx, cancel := context.WithTimeout(r.Context(), whyTimeout)
	defer cancel()
	explanation, err := s.cfg.Why(ctx, name, qtype, client.Addr().Unmap())
	scrub := newScrubber(s.cfg.Secrets())
	answer := struct {
		Explanation any     `json:"explanation"`
		Error       *string `json:"error"`
	}{Explanation: mapText(reflect.ValueOf(explanation), scrub.text).Interface()}
	if err != nil {
		text := scrub.text(err.Error())
		answer.Error = &text
	}
	body, err := json.MarshalIndent(answer, "", "  ")
	if err != nil {
		s.cfg.Log.Error("rendering an explanation failed", "err", err)
		reply(w, http.StatusInternalServerError, textType, []byte("The explanation could not be rendered; edgeguard's log says why.\n"))
		return
	}
	reply(w, http.StatusOK, "application/json", append(body, '\n'))
}

// FetchWhy asks the daemon at addr how a name is answered, decodes the
// explanation into the value that into points to, and returns the JSON as it
// came, as Fetch does. An explanation that came with an error is both decoded
// and an error.
func FetchWhy(ctx context.Context, addr, name, qtype string, into any) ([]byte, error) {
	code, body, err := get(ctx, addr, "/api/v1/why?"+url.Values{"name": {name}, "type": {qtype}}.Encode())
	if err != nil {
		return nil, err
	}
	if code != http.StatusOK {
		return nil, fmt.Errorf("the daemon at %s did not explain (HTTP %d): %s", addr, code, cut(oneLine(string(body)), maxText))
	}
	answer := struct {
		Explanation any     `json:"explanation"`
		Error       *string `json:"error"`
	}{Explanation: into}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("what answers at %s is not edgeguard, or a version that this one can not read; check the address: %w", addr, err)
	}
	raw := escapeControls(body)
	if answer.Error != nil {
		return raw, fmt.Errorf("%s", oneLine(*answer.Error))
	}
	return raw, nil
}
