package provider

// One conversation with a provider's API in JSON over HTTPS, for the clients
// of our own. No redirect is followed, no proxy of the environment is used.

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

const maxAPI = 1 << 20

// newTTL is the TTL in seconds of records that we make where the provider takes
// it: a name that moves should not be remembered for longer.
const newTTL = 60

// verdict is what the body of an API's answer says.
type verdict struct {
	ours    bool   // it is in the API's form
	refused bool   // it says no, whatever the status
	words   string // why, in the API's words
	kind    FaultKind
	action  string // only with kind
}

// api is a conversation. Its zero kind of a verdict leaves the fault to the
// HTTP status.
type api struct {
	transport http.RoundTripper
	host      string // for people
	base      string // URL, without a final slash
	agent     string
	authorise func(req *http.Request, body []byte) // puts secrets in; may be nil
	judge     func(status int, body []byte) verdict
}

// read asks for something and changes nothing. status is zero unless an answer
// in the API's form came, be it a refusal. Errors are *Fault, never Unclear.
func (a *api) read(ctx context.Context, method, path string, in, out any) (status int, err error) {
	status, f := a.ask(ctx, method, path, in, out)
	if f == nil {
		return status, nil
	}
	if f.Kind == Unclear {
		f.Kind = Failed
	}
	return status, f
}

// write changes something. Errors are *Fault.
func (a *api) write(ctx context.Context, method, path string, in, out any) error {
	if _, f := a.ask(ctx, method, path, in, out); f != nil {
		return f
	}
	return nil
}

func (a *api) ask(ctx context.Context, method, path string, in, out any) (int, *Fault) {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return 0, &Fault{Kind: Failed, Text: "writing the request to " + a.host + ": " + err.Error()}
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, bytes.NewReader(body))
	if err != nil {
		return 0, &Fault{Kind: Failed, Text: "making the request to " + a.host + " failed"}
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", a.agent)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if a.authorise != nil {
		a.authorise(req, body)
	}
	resp, raw, err := roundTrip(a.transport, req, a.host, maxAPI)
	if err != nil {
		return 0, asFault(err)
	}
	return a.weigh(resp, raw, out)
}

// weigh decodes an answer into out, or says what is wrong with it.
func (a *api) weigh(resp *http.Response, raw []byte, out any) (int, *Fault) {
	v := a.judge(resp.StatusCode, raw)
	good := resp.StatusCode >= 200 && resp.StatusCode < 300
	if good && v.ours && !v.refused {
		if out == nil || json.Unmarshal(raw, out) == nil {
			return resp.StatusCode, nil
		}
		v.ours = false
	}
	f := statusFault(resp, a.host)
	switch {
	case good && !v.ours:
		f.Kind = Unclear
		f.Text = a.host + " answered with something that is not its API's JSON"
	case good:
		f.Text = a.host + " answered that the request did not succeed"
	}
	if !v.ours {
		return 0, f
	}
	if v.words != "" {
		f.Text += ": " + v.words
	}
	if v.kind != Unclear && f.Kind != Limited {
		f.Kind, f.Action = v.kind, v.action
	}
	return resp.StatusCode, f
}

// segment escapes one segment of a URL's path; a wildcard's star stays.
func segment(text string) string { return strings.ReplaceAll(url.PathEscape(text), "%2A", "*") }

// flexible is a JSON string or number as text: APIs send ids and TTLs as both.
type flexible string

// UnmarshalJSON implements json.Unmarshaler.
func (f *flexible) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		*f = flexible(text)
		return nil
	}
	var number json.Number
	err := json.Unmarshal(raw, &number)
	*f = flexible(number)
	return err
}
