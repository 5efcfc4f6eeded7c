package config

// [[notify]] and [push]: who is told, and who may tell us.

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/notify"
	"github.com/edgeguard/edgeguard/internal/secret"
)

// Bounds.
const (
	maxNotify   = 16
	minPassword = 8 // characters; it goes over the LAN in plain, but must not be guessed
)

// notify reads the [[notify]] tables.
func (b *builder) notify(raw []rawNotify, c *Config) {
	seen := map[string]origin{}
	for i, r := range raw {
		if i == maxNotify {
			b.fail(r.Head, "%d are more than the %d that there may be", len(raw), maxNotify)
			break
		}
		t := notify.Target{Name: "notify[" + strconv.Itoa(i) + "]"}
		at := r.URL.at
		if r.URLFile.given {
			at = r.URLFile.at
		}
		t.URL = b.secret(secretKeys{inline: r.URL, file: r.URLFile, key: "url", noun: "URL", what: "the URL to send to", head: r.Head})
		if !t.URL.IsZero() {
			b.secrets = append(b.secrets, notify.Secrets(t.URL)...)
			if err := notify.CheckURL(t.URL); err != nil {
				b.fail(at, "%v", err)
			} else if first, twice := seen[t.URL.Reveal()]; twice {
				b.fail(at, "this is the same URL as %s; everything would be told twice, so take one out", first)
			} else {
				seen[t.URL.Reveal()] = at
				if strings.HasPrefix(t.URL.Reveal(), "http://") && b.wentOut(t.URL) {
					b.warn(at, "this URL goes out of the house unencrypted; write https:// where the server has it")
				}
			}
		}
		t.On = b.events(r.On)
		t.After = time.Duration(b.number(r.AfterSeconds, int64(notify.DefaultAfter/time.Second), 30, 86400, "seconds")) * time.Second
		c.Notify.Targets = append(c.Notify.Targets, t)
	}
}

// events returns nil for all.
func (b *builder) events(t texts) []notify.Event {
	var all []string
	for _, e := range notify.Events() {
		all = append(all, string(e))
	}
	if !t.given {
		return nil
	}
	var list []notify.Event
	for _, one := range b.list(t, all) {
		word := notify.Event(b.word(one, "", all, nil))
		if slices.Contains(list, word) {
			b.fail(one.at, "%q is in this list already; write it once", word)
			continue
		}
		list = append(list, word)
	}
	return list
}

// push reads [push].
func (b *builder) push(raw rawPush, c *Config) {
	var at origin
	switch {
	case raw.User.given:
		at = raw.User.at
	case raw.Password.given:
		at = raw.Password.at
	case raw.PasswordFile.given:
		at = raw.PasswordFile.at
	default:
		return
	}
	head := origin{at.file, at.line, "push"}
	if !raw.User.given {
		b.missing(head.sub("user"), `missing; write the user name that the router is to give, such as "router"`)
	}
	if raw.User.ok {
		c.Push.User = b.plainText(raw.User)
		if strings.Contains(c.Push.User, ":") {
			b.fail(raw.User.at, "a user name has no colon (RFC 7617)")
		}
	}
	c.Push.Password = b.secret(secretKeys{inline: raw.Password, file: raw.PasswordFile, key: "password", noun: "password",
		what: "a password of your choice", password: true, head: head})
	if n := len([]rune(c.Push.Password.Reveal())); n > 0 && n < minPassword {
		at := raw.Password.at
		if raw.PasswordFile.given {
			at = raw.PasswordFile.at
		}
		b.fail(at, "it has fewer than %d characters; write a longer one, which is used nowhere else", minPassword)
	}
}

// wentOut reports whether the URL's host is no address of a home.
func (b *builder) wentOut(target secret.Value) bool {
	rest := strings.TrimPrefix(target.Reveal(), "http://")
	rest, _, _ = strings.Cut(rest, "/")
	if i := strings.LastIndex(rest, "@"); i >= 0 {
		rest = rest[i+1:]
	}
	return !homeHost(rest)
}
