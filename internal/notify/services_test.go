package notify

// Every scheme against a server that notes what it is asked.

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/secret"
)

// told is a message of a failure and a change.
func told() Message {
	now := time.Now()
	in := Input{
		IPv4:    fact.KnownAddr(netip.MustParseAddr("203.0.113.7"), "", now),
		Records: []Record{{"home.example.org", "A", netip.MustParseAddr("203.0.113.7"), true}},
	}
	return newMessage([]Fact{
		{Event: Change, Summary: "The public address was 198.51.100.4 and is now 203.0.113.7.", Old: netip.MustParseAddr("198.51.100.4"), New: netip.MustParseAddr("203.0.113.7")},
		{Event: Failure, Link: "broker", Summary: "It is <silent> & still.", Action: "Restart it.", Since: stamp(now.Add(-time.Hour))},
	}, in, now)
}

func TestEveryServiceIsAskedInItsOwnWay(t *testing.T) {
	for name, test := range map[string]struct {
		url, want string
		header    map[string]string
		body      map[string]string // a field of the JSON, and what it contains
	}{
		"webhook": {"https://hooks.example.org/a/b?c=d", "https://hooks.example.org/a/b?c=d", map[string]string{"Content-Type": "application/json", "Authorization": ""},
			map[string]string{"event": "failure", "title": "edgeguard: broker has failed (and 1 more)", "link": "broker", "wan_ipv4": "203.0.113.7",
				"wan_ipv6": "<nil>", "records": "home.example.org", "message": "Restart it.", "facts": "198.51.100.4"}},
		"webhook with a user": {"https://me:pass%20word@hooks.example.org/x", "https://hooks.example.org/x",
			map[string]string{"Authorization": "Basic bWU6cGFzcyB3b3Jk"}, map[string]string{"event": "failure"}},
		"webhook in the LAN": {"http://192.168.1.5:8123/api/webhook/abcdef", "http://192.168.1.5:8123/api/webhook/abcdef", nil, map[string]string{"event": "failure"}},
		"ntfy": {"ntfy://ntfy.sh/topic", "https://ntfy.sh/", map[string]string{"Authorization": ""},
			map[string]string{"topic": "topic", "title": "broker has failed", "message": "Restart it.", "priority": "4"}},
		"ntfy with a user":   {"ntfy://me:word@push.example.org/topic?priority=2&tags=a,b", "https://push.example.org/", map[string]string{"Authorization": "Basic bWU6d29yZA=="}, map[string]string{"priority": "2", "tags": "[a b]"}},
		"ntfy with a token":  {"ntfy://push.example.org/topic?token=tk_1", "https://push.example.org/", map[string]string{"Authorization": "Bearer tk_1"}, map[string]string{"topic": "topic"}},
		"ntfy, older token":  {"ntfy://:tk_1@push.example.org/topic", "https://push.example.org/", map[string]string{"Authorization": "Bearer tk_1"}, map[string]string{"topic": "topic"}},
		"ntfy in the LAN":    {"ntfy://192.168.1.5:8080/topic?scheme=http", "http://192.168.1.5:8080/", nil, map[string]string{"topic": "topic"}},
		"gotify":             {"gotify://push.example.org/AbCdEfGhIjKlMnO", "https://push.example.org/message", map[string]string{"X-Gotify-Key": "AbCdEfGhIjKlMnO"}, map[string]string{"title": "broker", "message": "Restart", "priority": "8"}},
		"gotify below":       {"gotify://push.example.org/go/AbCdEfGhIjKlMnO?priority=1", "https://push.example.org/go/message", map[string]string{"X-Gotify-Key": "AbCdEfGhIjKlMnO"}, map[string]string{"priority": "1"}},
		"gotify, other form": {"gotify://push.example.org/go/message?token=AbCdEfGhIjKlMnO", "https://push.example.org/go/message", map[string]string{"X-Gotify-Key": "AbCdEfGhIjKlMnO"}, nil},
		"gotify in the LAN":  {"gotify://192.168.1.5:80/AbCdEfGhIjKlMnO?disabletls=yes", "http://192.168.1.5:80/message", nil, nil},
		"discord": {"discord://W3dE2OZz4C13_4z-uHfD@693853386302554172", "https://discord.com/api/webhooks/693853386302554172/W3dE2OZz4C13_4z-uHfD", nil,
			map[string]string{"content": "edgeguard: broker has failed", "allowed_mentions": "map[parse:[]]"}},
		"discord thread": {"discord://W3dE2OZz@69385?thread_id=12&username=home", "https://discord.com/api/webhooks/69385/W3dE2OZz?thread_id=12", nil, map[string]string{"username": "home"}},
		"slack":          {"slack://hook:TAAAAAAA-BBBBBBBBB-cccccccc@webhook", "https://hooks.slack.com/services/TAAAAAAA/BBBBBBBBB/cccccccc", nil, map[string]string{"text": "It is &lt;silent&gt; &amp; still."}},
		"slack, older":   {"slack://TAAAAAAA/BBBBBBBBB/cccccccc", "https://hooks.slack.com/services/TAAAAAAA/BBBBBBBBB/cccccccc", nil, map[string]string{"text": "broker"}},
		"slack bot":      {"slack://xoxb:123-456-abc@C001CH4NN3L", "https://slack.com/api/chat.postMessage", map[string]string{"Authorization": "Bearer xoxb-123-456-abc"}, map[string]string{"channel": "C001CH4NN3L", "text": "broker"}},
		"telegram":       {"telegram://110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw@telegram?chats=@mychannel", "https://api.telegram.org/bot110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/sendMessage", nil, map[string]string{"chat_id": "@mychannel", "text": "It is <silent> & still."}},
		"telegram topic": {"telegram://1:AAHdqTcv@telegram?chats=-100123:7&notification=no", "https://api.telegram.org/bot1:AAHdqTcv/sendMessage", nil, map[string]string{"chat_id": "-100123", "message_thread_id": "7", "disable_notification": "true"}},
		"generic": {"generic://hooks.example.org/x?template=json&titlekey=subject&messagekey=text&$room=home&@Authorization=Bearer+abcdef&a=b&_title=c", "https://hooks.example.org/x?a=b&title=c",
			map[string]string{"Authorization": "Bearer abcdef"}, map[string]string{"subject": "broker", "text": "Restart", "room": "home", "event": "failure", "title": "<nil>"}},
		"generic plain": {"generic://192.168.1.5:81/x?disabletls=yes", "http://192.168.1.5:81/x", nil, map[string]string{"title": "broker"}},
		"generic+https": {"generic+https://hooks.example.org/x?title=1&@x-key=abcdef", "https://hooks.example.org/x?title=1", map[string]string{"X-Key": "abcdef"}, map[string]string{"title": "broker"}},
		"generic+http":  {"generic+http://192.168.1.5:81/x", "http://192.168.1.5:81/x", nil, map[string]string{"title": "broker"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if a := w.send(t, test.url, told()); a.outcome != delivered || a.text != "" {
				t.Fatalf("%+v", a)
			}
			got := w.last(t)
			if got.method != "POST" || got.url != test.want || got.header.Get("User-Agent") != "edgeguard" {
				t.Errorf("%s %s, want %s", got.method, got.url, test.want)
			}
			for key, want := range test.header {
				if got.header.Get(key) != want {
					t.Errorf("%s is %q, want %q", key, got.header.Get(key), want)
				}
			}
			var body map[string]any
			if err := json.Unmarshal([]byte(got.body), &body); err != nil {
				t.Fatalf("%v: %s", err, got.body)
			}
			for key, want := range test.body {
				if !strings.Contains(fmt.Sprint(body[key]), want) {
					t.Errorf("%s is %v, want %s", key, body[key], want)
				}
			}
			for _, address := range w.dialed {
				if strings.Contains(address, "192.0.2.1") {
					t.Errorf("the proxy was asked: %s", address)
				}
			}
		})
	}
}

func TestPushoverIsAForm(t *testing.T) {
	w := newWorld(t)
	m := told()
	if a := w.send(t, "pushover://shoutrrr:apitoken123@UserKey456/?devices=a,b&priority=-1", m); a.outcome != delivered {
		t.Fatalf("%+v", a)
	}
	got := w.last(t)
	form, err := url.ParseQuery(got.body)
	if err != nil || got.url != "https://api.pushover.net/1/messages.json" || got.header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		t.Fatalf("%+v, %v", got, err)
	}
	for key, want := range map[string]string{"token": "apitoken123", "user": "UserKey456", "device": "a,b", "priority": "-1",
		"title": m.title(), "timestamp": fmt.Sprint(m.Time.Unix())} {
		if form.Get(key) != want {
			t.Errorf("%s is %q, want %q", key, form.Get(key), want)
		}
	}
}

// A long message stays within what each service takes.
func TestLongMessagesAreCut(t *testing.T) {
	m := Message{Time: time.Now()}
	for range maxLinks {
		m.Facts = append(m.Facts, Fact{Event: Failure, Link: "ü", Summary: strings.Repeat("ü", 300), Action: strings.Repeat("ü", 300)})
	}
	for text, most := range map[string]int{
		"ntfy://h/topic": 4096 + 400, "discord://t@1": 2000 * 2, "slack://hook:a-b-c@webhook": 4096 + 400,
		"telegram://1:a@telegram?chats=1": 4096 + 400, "pushover://shoutrrr:a@b": 1024 * 6,
	} {
		endpoints, err := parse(secret.New(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, body := endpoints[0].encode(m, m.Time); len(body) > most {
			t.Errorf("%s: %d bytes", text, len(body))
		}
	}
}

func TestEveryTelegramChatIsAnEndpoint(t *testing.T) {
	w := newWorld(t)
	results, err := SendTest(t.Context(), w.config("telegram://1:AAHdqTcv@telegram?channels=@a,@b", "ntfy://ntfy.sh/topic"))
	if err != nil || len(results) != 3 {
		t.Fatalf("%+v, %v", results, err)
	}
	for _, r := range results {
		if r.Err != nil {
			t.Error(r.Err)
		}
	}
	if results[0].Service != "telegram at api.telegram.org" || results[2].Service != "ntfy.sh" || len(w.requests) != 3 {
		t.Errorf("%+v, %d requests", results, len(w.requests))
	}
}

const hidden = "Zq7xW9kP2m"

// What is wrong is told without any part of the URL.
func TestURLsThatCannotBeUsed(t *testing.T) {
	for text, want := range map[string]string{
		"S":                                      "this is no URL",
		"S://host/x":                             "known are https, http, ntfy, gotify, discord, slack, telegram, pushover, generic",
		"matrix://a:S@host":                      "not known here",
		"https://S:S@":                           "the host is missing",
		"https://h/%ZZS":                         "cannot be read",
		"https://S h/":                           "cannot be read",
		"ntfy://h/":                              "the topic is missing",
		"ntfy://h/S/S":                           "the topic is missing, or more than one",
		"ntfy://h/S?priority=S":                  "the priority is not from 1 to 5",
		"ntfy://h/S?S=1":                         "parameters is not known here; known are token, priority, tags, scheme, disabletls",
		"ntfy://h/t?token=S%0aS":                 "characters that cannot be sent",
		"gotify://h":                             "the token is missing",
		"gotify://h/S?insecureskipverify=yes":    "not known here",
		"discord://S@S":                          "is no number",
		"discord://69385":                        "the token is missing",
		"slack://hook:S@webhook":                 "three parts",
		"slack://S:S@channel":                    "another form",
		"slack://xoxb:S@":                        "the channel is missing",
		"telegram://S@telegram?chats=1":          "a number, a colon and a key",
		"telegram://1:S@telegram":                "a chat is missing",
		"telegram://1:S@telegram?chats=1:S":      "is no number",
		"telegram://1:S@telegram?chats=" + ",1":  "a chat is missing",
		"pushover://S@S":                         "is missing",
		"pushover://a:S@u?priority=2":            "from -2 to 1",
		"generic://h?template=S":                 `can only be "json"`,
		"generic://h?contenttype=S":              "always JSON",
		"generic://h?@Host=S":                    "that no header has",
		"generic://h?@a=S%0d%0aS":                "that no header has",
		"generic+https://h/?@S S=1":              "that no header has",
		"https://h/" + strings.Repeat("S", 2048): "longer than 2048 bytes",
	} {
		err := CheckURL(secret.New(strings.ReplaceAll(text, "S", hidden)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		} else if strings.Contains(strings.ToLower(err.Error()), strings.ToLower(hidden)) {
			t.Errorf("%s: the secret is in: %v", text, err)
		}
	}
}
