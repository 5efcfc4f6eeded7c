package wan

// The words of [wan] sources.

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// maxURL bounds the length of an echo service's URL.
const maxURL = 2048

// later lists the words that the config format knows and this version does
// not.
var later = []string{"natpmp", "pcp", "stun", "dns", "interface", "static"}

// ParseSource reads one entry of [wan] sources: "igd", or the URL of an HTTP
// echo service. A URL must have a host, and no user name and no fragment. The
// error says what would be right.
func ParseSource(text string) (SourceSpec, error) {
	text = strings.TrimSpace(text)
	word, _, _ := strings.Cut(strings.ToLower(text), ":")
	switch {
	case text == "igd":
		return SourceSpec{Type: "igd"}, nil
	case word == "https" || word == "http":
		return parseEcho(text)
	}
	for _, name := range later {
		if word == name {
			return SourceSpec{}, fmt.Errorf(`source %q is not available in this version; use "igd" and the URLs of HTTP echo services ("https://…")`, name)
		}
	}
	return SourceSpec{}, fmt.Errorf(`source %s is not known; use "igd" (ask the router) or the URL of an HTTP echo service ("https://…", or "http://…" on a network you trust)`, quote(text))
}

func parseEcho(text string) (SourceSpec, error) {
	if len(text) > maxURL {
		return SourceSpec{}, fmt.Errorf("source URL is longer than %d bytes", maxURL)
	}
	u, err := url.Parse(text)
	if err != nil {
		// Not quoted: a password may be in it.
		return SourceSpec{}, errors.New("source begins like a URL but is not a URL; write it like https://api.ipify.org")
	}
	if u.User != nil {
		// The name of a source is shown in logs and on the page.
		return SourceSpec{}, fmt.Errorf("source URL of host %s holds a user name or password; echo services need none, and the URL is shown in the status", quote(u.Hostname()))
	}
	if err := checkEcho(u, text); err != nil {
		return SourceSpec{}, fmt.Errorf("source %s %w", quote(text), err)
	}
	return SourceSpec{Type: u.Scheme, URL: text}, nil
}

func checkEcho(u *url.URL, text string) error {
	if u.Hostname() == "" || u.Opaque != "" {
		return errors.New("names no host; write it like https://api.ipify.org")
	}
	if strings.ContainsRune(text, '#') {
		return errors.New("holds a fragment (#…), which is never sent; leave it out")
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil && !addr.Is4() {
		return errors.New("is at an IPv6 address, which cannot see our IPv4 address; use one that answers over IPv4")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return errors.New("has a port that is not between 1 and 65535")
		}
	} else if strings.HasSuffix(u.Host, ":") {
		return errors.New("ends its host with a colon and no port; leave the colon out")
	}
	return nil
}

// hostOf is the independent party behind a source's name: the host of a URL,
// or the name itself.
func hostOf(name string) string {
	u, err := url.Parse(name)
	if err != nil || u.Hostname() == "" {
		return name
	}
	return strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
}
