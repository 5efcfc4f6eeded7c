package notify

// Webhooks: any URL that takes our JSON by POST, and shoutrrr's generic service
// with headers and fields of a person's choice.

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// parseWebhook reads a plain https:// or http:// URL. Its query is its own; a
// user in it becomes Basic authentication (RFC 7617).
func parseWebhook(u *url.URL) ([]*endpoint, error) {
	if _, err := hostOf(u); err != nil {
		return nil, err
	}
	e := webhookAt(u)
	e.encode = func(m Message, now time.Time) (string, []byte) { return jsonType, asJSON(m.webhook(now)) }
	return []*endpoint{e}, nil
}

// webhookAt is an endpoint at u, without its user and fragment.
func webhookAt(u *url.URL) *endpoint {
	at := *u
	at.User, at.Fragment = nil, ""
	e := &endpoint{service: "webhook", host: u.Hostname(), url: at.String(), header: map[string]string{}}
	if u.User != nil {
		e.header["Authorization"] = basic(u.User)
	}
	return e
}

// parseGeneric reads shoutrrr's generic URLs. Of the query, "@NAME" is a header
// and "$NAME" a field of the JSON; disabletls, template, titlekey and messagekey
// are read here where the scheme is generic; an underscore before a name, and
// every other name, goes to the server.
func parseGeneric(u *url.URL) ([]*endpoint, error) {
	if _, err := hostOf(u); err != nil {
		return nil, err
	}
	at := *u
	short := strings.HasPrefix(strings.ToLower(u.Scheme), "generic+")
	at.Scheme = strings.TrimPrefix(strings.ToLower(u.Scheme), "generic+")
	if !short {
		at.Scheme = secureUnless(url.Values{"disabletls": {param(u.Query(), "disabletls")}})
	}
	header, fields, rest := map[string]string{}, map[string]string{}, url.Values{}
	titleKey, messageKey := "title", "message"
	for name, values := range u.Query() {
		value := values[0]
		switch key := strings.ToLower(name); {
		case strings.HasPrefix(name, "@"):
			header[http.CanonicalHeaderKey(name[1:])] = value
			if !validHeader(name[1:], value) {
				return nil, errors.New("one of its headers has a name or a value that no header has")
			}
		case strings.HasPrefix(name, "$"):
			fields[name[1:]] = value
		case short:
			rest[name] = values
		case key == "disabletls":
		case key == "template":
			if !strings.EqualFold(value, "json") {
				return nil, errors.New(`the template can only be "json"`)
			}
		case key == "titlekey":
			titleKey = value
		case key == "messagekey":
			messageKey = value
		case key == "method", key == "contenttype":
			return nil, errors.New("it is always JSON, by POST; take the parameters method and contenttype out")
		default:
			rest[strings.TrimPrefix(name, "_")] = values
		}
	}
	at.RawQuery = rest.Encode()
	e := webhookAt(&at)
	for name, value := range header {
		e.header[name] = value
		e.secrets = append(e.secrets, longEnough(value)...)
		if _, token, found := strings.Cut(value, " "); found { // "Bearer …"
			e.secrets = append(e.secrets, longEnough(token)...)
		}
	}
	e.secrets = append(e.secrets, longEnough(at.RequestURI())...)
	e.encode = func(m Message, now time.Time) (string, []byte) {
		said := m.webhook(now)
		title, message := said["title"], said["message"]
		delete(said, "title")
		delete(said, "message")
		for name, value := range fields {
			said[name] = value
		}
		said[titleKey], said[messageKey] = title, message
		return jsonType, asJSON(said)
	}
	return []*endpoint{e}, nil
}

// validHeader reports whether name is a token and value has no control
// characters (RFC 9110, section 5), and the name is none that frames a request.
func validHeader(name, value string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "", "Host", "Content-Length", "Content-Type", "Transfer-Encoding", "Connection", "Trailer", "Upgrade", "Te":
		return false
	}
	token := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", c)
	}
	return !strings.ContainsFunc(name, func(c rune) bool { return !token(c) }) &&
		!strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f })
}
