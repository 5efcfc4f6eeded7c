package notify

// Targets as URLs: a webhook's own, or in the form that shoutrrr's documentation
// gives. A URL holds tokens, so no error quotes any of it.

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/secret"
)

// maxURL bounds a URL, in bytes; maxChats the chats of one Telegram URL.
const (
	maxURL   = 2 << 10
	maxChats = 8
)

// endpoint is one place to which a message is posted.
type endpoint struct {
	// service is the scheme's word, host where it is; neither is secret.
	service, host string
	// url is where the message is posted, with secrets.
	url string
	// header is what goes along, with secrets; may be nil.
	header map[string]string
	// encode makes the body of a request.
	encode func(m Message, now time.Time) (contentType string, body []byte)
	// accepts reports whether the body of a 200 is a success; nil means always.
	accepts func(body []byte) bool
	// secrets are all pieces of the URL that nobody may see.
	secrets []secret.Value
}

// where names the endpoint for people.
func (e *endpoint) where() string {
	if e.service == "" || strings.HasPrefix(e.host, e.service+".") {
		return e.host
	}
	return e.service + " at " + e.host
}

// scheme reads the URLs of one scheme.
type scheme struct {
	word string
	// form is how such a URL is written, for people.
	form string
	// parse makes the endpoints; an error completes "… ; write FORM".
	parse func(u *url.URL) ([]*endpoint, error)
}

// schemes are all of them, in the order in which people read them. It is a
// function because the parsers tell of their own forms.
func schemes() []scheme {
	return []scheme{
		{"https", "https://HOST/PATH", parseWebhook},
		{"http", "http://ADDRESS/PATH", parseWebhook},
		{"ntfy", "ntfy://[USER:PASSWORD@]HOST/TOPIC", parseNtfy},
		{"gotify", "gotify://HOST/TOKEN", parseGotify},
		{"discord", "discord://TOKEN@WEBHOOK_ID", parseDiscord},
		{"slack", "slack://hook:A-B-C@webhook or slack://xoxb:TOKEN@CHANNEL", parseSlack},
		{"telegram", "telegram://TOKEN@telegram?chats=CHAT", parseTelegram},
		{"pushover", "pushover://shoutrrr:API_TOKEN@USER_KEY", parsePushover},
		{"generic", "generic://HOST/PATH", parseGeneric},
		{"generic+https", "generic+https://HOST/PATH", parseGeneric},
		{"generic+http", "generic+http://ADDRESS/PATH", parseGeneric},
	}
}

// Schemes lists the schemes that a URL may have.
func Schemes() []string {
	var list []string
	for _, s := range schemes() {
		list = append(list, s.word)
	}
	return list
}

// CheckURL returns what is wrong with a target's URL, in words that hold no
// part of it; nil where it can be used.
func CheckURL(target secret.Value) error {
	_, err := parse(target)
	return err
}

// Secrets lists what nobody may see of a target: the URL and those of its
// parts that look like secrets of their own. Plain words are not among them, as
// taking "webhook" out of every text would tear those apart. Of a URL that
// cannot be used it is the URL alone.
func Secrets(target secret.Value) []secret.Value {
	list := []secret.Value{target}
	endpoints, _ := parse(target)
	for _, e := range endpoints {
		for _, s := range e.secrets {
			if text := s.Reveal(); len(text) >= 16 || strings.Trim(text, "abcdefghijklmnopqrstuvwxyz") != "" {
				list = append(list, s)
			}
		}
	}
	return list
}

// parse makes the endpoints of a URL.
func parse(target secret.Value) ([]*endpoint, error) {
	text := target.Reveal()
	word, _, found := strings.Cut(text, "://")
	if !found {
		return nil, errors.New("this is no URL; write one such as " + example())
	}
	if len(text) > maxURL {
		return nil, fmt.Errorf("this URL is longer than %d bytes", maxURL)
	}
	all := schemes()
	at := slices.IndexFunc(all, func(s scheme) bool { return s.word == strings.ToLower(word) })
	if at < 0 {
		return nil, fmt.Errorf("this service is not known here; known are %s. Others can be reached by a webhook, or through a service such as ntfy", strings.Join(Schemes(), ", "))
	}
	form := all[at].form
	u, err := url.Parse(text)
	if err != nil { // its text quotes the URL
		return nil, fmt.Errorf("this URL cannot be read; write %s, with %%XX in place of special characters", form)
	}
	endpoints, err := all[at].parse(u)
	if err != nil {
		return nil, fmt.Errorf("%w; write %s", err, form)
	}
	for _, e := range endpoints {
		if _, err := url.Parse(e.url); err != nil {
			return nil, fmt.Errorf("this URL cannot be read; write %s, with %%XX in place of special characters", form)
		}
		for name, value := range e.header {
			if !validHeader(name, value) {
				return nil, fmt.Errorf("its user, password or token has characters that cannot be sent; write %s", form)
			}
		}
		e.secrets = append(e.secrets, target)
		e.secrets = append(e.secrets, longEnough(u.RequestURI(), u.EscapedPath(), u.RawQuery, u.User.String(), u.User.Username())...)
		if password, has := u.User.Password(); has {
			e.secrets = append(e.secrets, longEnough(password)...)
		}
		for part := range strings.SplitSeq(u.Path, "/") {
			e.secrets = append(e.secrets, longEnough(part)...)
		}
		for _, values := range u.Query() {
			e.secrets = append(e.secrets, longEnough(values...)...)
		}
	}
	return endpoints, nil
}

func example() string { return `"ntfy://ntfy.sh/a-topic-that-nobody-guesses"` }

// longEnough makes secrets of texts. One of fewer than six characters is none:
// taking it out would tear words apart.
func longEnough(texts ...string) []secret.Value {
	var list []secret.Value
	for _, t := range texts {
		if len(strings.Trim(t, "/")) >= 6 {
			list = append(list, secret.New(t))
		}
	}
	return list
}

// hostOf checks the host of a URL. A port is kept.
func hostOf(u *url.URL) (string, error) {
	name := u.Hostname()
	addr, notAddr := netip.ParseAddr(name)
	switch {
	case name == "":
		return "", errors.New("the host is missing")
	case notAddr == nil && addr.Zone() != "", notAddr != nil && strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "":
		return "", errors.New("the host is neither a name nor an address")
	}
	return u.Host, nil
}

// onlyParams reports a query parameter that is not among those known.
func onlyParams(q url.Values, known ...string) error {
	for name := range q {
		if !slices.Contains(known, strings.ToLower(name)) {
			return fmt.Errorf("one of its parameters is not known here; known are %s", strings.Join(known, ", "))
		}
	}
	return nil
}

// param returns a query parameter by its name in any case, as shoutrrr takes
// it; "" where it is absent.
func param(q url.Values, name string) string {
	for key, values := range q {
		if strings.EqualFold(key, name) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// yes reads a switch.
func yes(v string) bool {
	return slices.Contains([]string{"1", "yes", "true", "on"}, strings.ToLower(v))
}

// secureUnless is https, unless the URL's parameter switches TLS off or its
// scheme does.
func secureUnless(q url.Values) string {
	if yes(param(q, "disabletls")) || strings.EqualFold(param(q, "scheme"), "http") {
		return "http"
	}
	return "https"
}
