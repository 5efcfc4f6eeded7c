package checker

// The checker's URL: what may stand in it, and what of it is secret.

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/edgeguard/edgeguard/internal/secret"
)

const maxURL = 2048

// The placeholders.
const (
	inHost    = "{host}"
	inPort    = "{port}"
	inAddress = "{address}"
)

// CheckURL reports what is wrong with a checker's URL, in words without any of
// it.
func CheckURL(template secret.Value) error {
	text := template.Reveal()
	switch {
	case len(text) > maxURL:
		return errors.New("this URL is longer than 2048 bytes")
	case !strings.HasPrefix(text, "https://") && !strings.HasPrefix(text, "http://"):
		return errors.New(`this is no URL of the web; write one such as "https://checker.example.org/?host={host}&port={port}"`)
	}
	without := strings.NewReplacer(inHost, "", inPort, "", inAddress, "").Replace(text)
	if strings.ContainsAny(without, "{}") {
		return errors.New("this URL has a placeholder that is not known here; known are {host}, {port} and {address}")
	}
	filled, err := url.Parse(fill(text, Port{Host: "host.example", External: 1}, netip.IPv4Unspecified()))
	if err != nil { // its text quotes the URL
		return errors.New("this URL cannot be read; write %XX in place of special characters")
	}
	bare, err := url.Parse(without)
	switch {
	case err != nil, filled.Hostname() == "", bare.Host != filled.Host:
		return errors.New("the host of this URL must be that of the checker; placeholders stand behind it")
	case !strings.Contains(text, inPort):
		return errors.New("this URL does not say which port to check; write {port} where it belongs")
	}
	return nil
}

// Plain reports whether the URL is asked without encryption.
func Plain(template secret.Value) bool { return strings.HasPrefix(template.Reveal(), "http://") }

// Host is the checker's host for people; empty where the URL cannot be used.
func Host(template secret.Value) string {
	u, err := url.Parse(template.Reveal())
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// Secrets lists what nobody may see of a URL: the whole, and those of its parts
// that look like secrets of their own. Plain words are not among them, as taking
// those out of every text would tear it apart.
func Secrets(template secret.Value) []secret.Value {
	list := []secret.Value{template}
	u, err := url.Parse(template.Reveal())
	if err != nil {
		return list
	}
	parts := strings.Split(u.Path, "/")
	if password, ok := u.User.Password(); ok {
		parts = append(parts, password, u.User.Username())
	}
	for _, values := range u.Query() {
		parts = append(parts, values...)
	}
	parts = append(parts, u.Fragment)
	for _, part := range parts {
		if strings.ContainsAny(part, "{}") || len(part) < 8 {
			continue
		}
		if len(part) >= 16 || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz-") != "" {
			list = append(list, secret.New(part))
		}
	}
	return list
}

// fill puts a port into the URL. What is put in are host names, numbers and
// addresses, which need no escaping.
func fill(template string, p Port, address netip.Addr) string {
	host := p.Host
	if host == "" {
		host = address.String()
	}
	return strings.NewReplacer(inHost, host, inPort, strconv.Itoa(int(p.External)), inAddress, address.String()).Replace(template)
}
