package notify

// The services: from the URL in the form of shoutrrr's documentation to the
// request of the service's own.

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/tidy"
)

// Bounds of the services on a message's text. Discord and Telegram count
// characters and Pushover too; bytes are never fewer.
const (
	maxNtfy     = 3800
	maxDiscord  = 1900
	maxSlack    = 3800
	maxTelegram = 4000
	maxPushover = 1000
	maxTitle    = 250
)

const jsonType = "application/json"

// text is the title and the body as one text.
func text(m Message, now time.Time, most int) string {
	return tidy.Cut(m.title()+"\n"+m.body(now), most)
}

// failure reports whether the message is of a failure, which may be louder.
func (m Message) failure() bool { return m.Facts[0].Event == Failure }

// parseNtfy: docs.ntfy.sh/publish, "Publish as JSON": POST to the server's root.
func parseNtfy(u *url.URL) ([]*endpoint, error) {
	q := u.Query()
	host, err := hostOf(u)
	topic := strings.Trim(u.Path, "/")
	if err == nil && (topic == "" || strings.Contains(topic, "/")) {
		err = errors.New("the topic is missing, or more than one")
	}
	if err == nil {
		err = onlyParams(q, "token", "priority", "tags", "scheme", "disabletls")
	}
	priority := 0
	if p := param(q, "priority"); err == nil && p != "" {
		if priority, err = strconv.Atoi(p); err != nil || priority < 1 || priority > 5 {
			err = errors.New("the priority is not from 1 to 5")
		}
	}
	if err != nil {
		return nil, err
	}
	e := &endpoint{service: "ntfy", host: u.Hostname(), url: secureUnless(q) + "://" + host + "/", header: map[string]string{}}
	password, _ := u.User.Password()
	switch token := param(q, "token"); {
	case token != "":
		e.header["Authorization"] = "Bearer " + token
	case u.User.Username() == "" && password != "":
		e.header["Authorization"] = "Bearer " + password // ntfy://:TOKEN@HOST/TOPIC
	case u.User != nil:
		e.header["Authorization"] = basic(u.User)
	}
	e.encode = func(m Message, now time.Time) (string, []byte) {
		said := map[string]any{"topic": topic, "title": tidy.Cut(m.title(), maxTitle), "message": tidy.Cut(m.body(now), maxNtfy)}
		if tags := param(q, "tags"); tags != "" {
			said["tags"] = strings.Split(tags, ",")
		}
		switch {
		case priority != 0:
			said["priority"] = priority
		case m.failure():
			said["priority"] = 4
		}
		return jsonType, asJSON(said)
	}
	return []*endpoint{e}, nil
}

// parseGotify: gotify.net/api-docs, POST /message, the token in a header. The
// token is the last part of the path, or the parameter token behind /message.
func parseGotify(u *url.URL) ([]*endpoint, error) {
	q := u.Query()
	host, err := hostOf(u)
	if err == nil {
		err = onlyParams(q, "token", "priority", "disabletls", "useheader")
	}
	if err != nil {
		return nil, err
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	base, token := parts[:len(parts)-1], parts[len(parts)-1]
	if t := param(q, "token"); t != "" {
		token = t
		if parts[len(parts)-1] != "message" {
			base = parts
		}
	}
	if token == "" {
		return nil, errors.New("the token is missing")
	}
	path := strings.Trim(strings.Join(append(base, "message"), "/"), "/")
	e := &endpoint{service: "gotify", host: u.Hostname(), header: map[string]string{"X-Gotify-Key": token}}
	e.url = (&url.URL{Scheme: secureUnless(q), Host: host, Path: "/" + path}).String()
	e.secrets = longEnough(token)
	e.encode = func(m Message, now time.Time) (string, []byte) {
		priority := 5
		if p, err := strconv.Atoi(param(q, "priority")); err == nil {
			priority = p
		} else if m.failure() {
			priority = 8
		}
		return jsonType, asJSON(map[string]any{"title": m.title(), "message": m.body(now), "priority": priority})
	}
	return []*endpoint{e}, nil
}

// parseDiscord: discord.com/developers, "Execute Webhook".
func parseDiscord(u *url.URL) ([]*endpoint, error) {
	token, id := u.User.Username(), u.Host
	if token == "" || id == "" || strings.Trim(id, "0123456789") != "" {
		return nil, errors.New("the token is missing, or the id of the webhook is no number")
	}
	if err := onlyParams(u.Query(), "thread_id", "username"); err != nil {
		return nil, err
	}
	e := &endpoint{service: "discord", host: "discord.com", secrets: longEnough(token)}
	at := &url.URL{Scheme: "https", Host: e.host, Path: "/api/webhooks/" + id + "/" + token}
	if thread := param(u.Query(), "thread_id"); thread != "" {
		at.RawQuery = url.Values{"thread_id": {thread}}.Encode()
	}
	e.url = at.String()
	e.encode = func(m Message, now time.Time) (string, []byte) {
		said := map[string]any{"content": text(m, now, maxDiscord), "allowed_mentions": map[string]any{"parse": []string{}}}
		if name := param(u.Query(), "username"); name != "" {
			said["username"] = name
		}
		return jsonType, asJSON(said)
	}
	return []*endpoint{e}, nil
}

// slackText takes out what Slack reads as markup.
var slackText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// parseSlack: docs.slack.dev, "Incoming webhooks" and chat.postMessage, which
// answers a refusal with HTTP status 200 and ok:false.
func parseSlack(u *url.URL) ([]*endpoint, error) {
	kind := u.User.Username()
	rest, _ := u.User.Password()
	if u.User == nil { // slack://A/B/C, the older form
		kind, rest = "hook", u.Host+"-"+strings.Join(strings.Split(strings.Trim(u.Path, "/"), "/"), "-")
	}
	if kind == "hook" {
		parts := strings.Split(rest, "-")
		if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" {
			return nil, errors.New("the webhook has three parts, with hyphens between them")
		}
		e := &endpoint{service: "slack", host: "hooks.slack.com", secrets: longEnough(append(parts, rest)...)}
		e.url = (&url.URL{Scheme: "https", Host: e.host, Path: "/services/" + strings.Join(parts, "/")}).String()
		e.encode = func(m Message, now time.Time) (string, []byte) {
			return jsonType, asJSON(map[string]any{"text": slackText.Replace(text(m, now, maxSlack))})
		}
		return []*endpoint{e}, nil
	}
	if (kind != "xoxb" && kind != "xoxp") || rest == "" || u.Host == "" {
		return nil, errors.New("the token has another form, or the channel is missing")
	}
	token := kind + "-" + rest
	e := &endpoint{service: "slack", host: "slack.com", url: "https://slack.com/api/chat.postMessage", secrets: longEnough(rest, token)}
	e.header = map[string]string{"Authorization": "Bearer " + token}
	e.accepts = saysOK
	e.encode = func(m Message, now time.Time) (string, []byte) {
		return jsonType + "; charset=utf-8", asJSON(map[string]any{"channel": u.Host, "text": slackText.Replace(text(m, now, maxSlack))})
	}
	return []*endpoint{e}, nil
}

// saysOK reports whether a body is JSON with ok:true.
func saysOK(body []byte) bool {
	var said struct {
		OK bool `json:"ok"`
	}
	return json.Unmarshal(body, &said) == nil && said.OK
}

// parseTelegram: core.telegram.org/bots/api#sendmessage. Every chat is an
// endpoint of its own, so that one that refuses does not have the others told
// twice.
func parseTelegram(u *url.URL) ([]*endpoint, error) {
	q := u.Query()
	id := u.User.Username()
	key, _ := u.User.Password()
	if id == "" || key == "" || strings.Trim(id, "0123456789") != "" {
		return nil, errors.New("the token is a number, a colon and a key")
	}
	if err := onlyParams(q, "chats", "channels", "notification"); err != nil {
		return nil, err
	}
	chats := param(q, "chats")
	if chats == "" {
		chats = param(q, "channels")
	}
	var list []*endpoint
	token := id + ":" + key
	for chat := range strings.SplitSeq(chats, ",") {
		if chat = strings.TrimSpace(chat); chat == "" {
			return nil, errors.New("a chat is missing")
		}
		said := map[string]any{"chat_id": chat}
		if group, thread, found := strings.Cut(chat, ":"); found {
			number, err := strconv.Atoi(thread)
			if err != nil {
				return nil, errors.New("what follows the colon in a chat is no number")
			}
			said["chat_id"], said["message_thread_id"] = group, number
		}
		if quiet := param(q, "notification"); quiet != "" && !yes(quiet) {
			said["disable_notification"] = true
		}
		e := &endpoint{service: "telegram", host: "api.telegram.org", accepts: saysOK, secrets: longEnough(token, key)}
		e.url = "https://api.telegram.org/bot" + url.PathEscape(token) + "/sendMessage"
		e.encode = func(m Message, now time.Time) (string, []byte) {
			body := map[string]any{"text": text(m, now, maxTelegram)}
			for k, v := range said {
				body[k] = v
			}
			return jsonType, asJSON(body)
		}
		list = append(list, e)
	}
	if len(list) > maxChats {
		return nil, fmt.Errorf("%d chats are more than %d", len(list), maxChats)
	}
	return list, nil
}

// parsePushover: pushover.net/api, POST /1/messages.json as a form.
func parsePushover(u *url.URL) ([]*endpoint, error) {
	token, _ := u.User.Password()
	user := u.Host
	if token == "" || user == "" {
		return nil, errors.New("the API token or the user key is missing")
	}
	if err := onlyParams(u.Query(), "devices", "priority"); err != nil {
		return nil, err
	}
	priority := param(u.Query(), "priority")
	if n, err := strconv.Atoi(priority); priority != "" && (err != nil || n < -2 || n > 1) {
		return nil, errors.New("the priority is not from -2 to 1")
	}
	e := &endpoint{service: "pushover", host: "api.pushover.net", url: "https://api.pushover.net/1/messages.json", secrets: longEnough(token, user)}
	e.encode = func(m Message, now time.Time) (string, []byte) {
		form := url.Values{"token": {token}, "user": {user}, "title": {tidy.Cut(m.title(), maxTitle)},
			"message": {tidy.Cut(m.body(now), maxPushover)}, "timestamp": {strconv.FormatInt(m.Time.Unix(), 10)}}
		if devices := param(u.Query(), "devices"); devices != "" {
			form.Set("device", devices)
		}
		if priority != "" {
			form.Set("priority", priority)
		}
		return "application/x-www-form-urlencoded", []byte(form.Encode())
	}
	return []*endpoint{e}, nil
}

// basic is the header of RFC 7617 for a URL's user.
func basic(user *url.Userinfo) string {
	password, _ := user.Password()
	req := http.Request{Header: http.Header{}}
	req.SetBasicAuth(user.Username(), password)
	return req.Header.Get("Authorization")
}
