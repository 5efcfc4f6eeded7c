package provider

// What Cloudflare's envelope and error codes mean.

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// envelope is what every answer of the API is wrapped in.
type envelope struct {
	Success *bool      `json:"success"`
	Errors  []apiError `json:"errors"`
}

type apiError struct {
	Code    int        `json:"code"`
	Message string     `json:"message"`
	Chain   []apiError `json:"error_chain"`
}

// finalCodes are refusals of the token itself: 6003 and 6111 a malformed one,
// 9109 an invalid one, 10000 one without the permission.
var finalCodes = []int{6003, 6111, 9109, 10000}

// checkEnvelope returns a *Fault unless the answer is a success in full: the
// status, the JSON, the envelope's success and the absence of errors.
func checkEnvelope(resp *http.Response, body []byte) error {
	var env envelope
	err := json.Unmarshal(body, &env)
	ours := err == nil && env.Success != nil
	good := resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusCreated
	if ours && good && *env.Success && len(env.Errors) == 0 {
		return nil
	}
	f := statusFault(resp, cloudflareHost)
	switch {
	case !ours && good:
		f.Kind = Unclear
		f.Text = cloudflareHost + " answered with something that is not its API's JSON"
		return f
	case !ours:
		return f
	case good:
		f.Text = cloudflareHost + " answered that the change did not succeed"
	}
	codes, words := flatten(env.Errors, 0)
	if words != "" {
		f.Text += ": " + words
	}
	final := slices.ContainsFunc(codes, func(code int) bool { return slices.Contains(finalCodes, code) })
	if f.Kind != Limited && (final || resp.StatusCode == http.StatusForbidden || resp.StatusCode == http.StatusUnauthorized) {
		f.Kind = Final
		f.Text = cloudflareHost + " does not accept the token: " + words
		f.Action = "Make a new API token with the permissions Zone:Read and DNS:Edit for the zone, and put it into the config."
	}
	return f
}

// sameCode says of a record to create that an identical one exists.
const sameCode = 81058

// saysSame reports whether the answer refuses a record because there is the same
// one already.
func saysSame(body []byte) bool {
	var env envelope
	if json.Unmarshal(body, &env) != nil || env.Success == nil || *env.Success {
		return false
	}
	codes, _ := flatten(env.Errors, 0)
	return slices.Contains(codes, sameCode)
}

// flatten returns the codes and words of errors and of the errors below them,
// a few at most.
func flatten(errs []apiError, depth int) (codes []int, words string) {
	var all []string
	for i, e := range errs {
		if i == 5 || depth == 3 {
			break
		}
		below, text := flatten(e.Chain, depth+1)
		codes = append(append(codes, e.Code), below...)
		all = append(all, fmt.Sprintf("%s (%d)", e.Message, e.Code))
		if text != "" {
			all = append(all, text)
		}
	}
	return codes, strings.Join(all, "; ")
}
