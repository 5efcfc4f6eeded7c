package provider

import (
	"net/http"
	"time"

	"github.com/miekg/dns"
)

// Guard runs f as a provider's library is run.
var Guard = guard

// Unquote reads the text of a TXT record as an API shows it.
var Unquote = unquote

// DynAnswer reads an answer of the dyndns2 protocol.
var DynAnswer = dynAnswer

// Judges read the refusals of the APIs, by the provider's word. Each says
// whether the body is in the API's form, and whether it is a success.
var Judges = map[string]func(status int, body []byte) (ours, good bool){
	"desec":   judged(judgeDeSEC),
	"porkbun": judged(judgePorkbun),
	"ovh":     judged(judgeOVH),
	"ionos":   judged(judgeIONOS),
	"netcup": judged(func(_ int, body []byte) verdict {
		v, _ := judgeNetcup("login", body)
		return v
	}),
}

func judged(judge func(int, []byte) verdict) func(int, []byte) (bool, bool) {
	return func(status int, body []byte) (bool, bool) {
		a := api{host: "api.example.com", judge: judge}
		resp := &http.Response{StatusCode: status, Header: http.Header{}}
		var out any
		_, f := a.weigh(resp, body, &out)
		return judge(status, body).ours, f == nil
	}
}

// Believe reports whether raw is taken for a signed answer to an update with
// the id and the signature given.
func Believe(raw []byte, id uint16, mac string) bool {
	m := new(dns.Msg).SetUpdate("example.org.")
	m.Id = id
	r := &rfc2136Record{key: "key.", algorithm: dns.HmacSHA256}
	reply, err := r.believe(raw, m, mac)
	return reply != nil && err == nil
}

// AtClock makes the adaptor's clock run apart from the system's.
func AtClock(p Provider, ahead time.Duration) {
	p.(*rfc2136Record).now = func() time.Time { return time.Now().Add(ahead) }
}
