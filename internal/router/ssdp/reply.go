package ssdp

// What a reply to a search says, and which replies are refused.

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// MaxReply is the most octets that one reply may have.
const MaxReply = 2048

// maxHeaders is the most header lines that one reply may have.
const maxHeaders = 32

// Reply is a reply that passed all checks.
type Reply struct {
	// Location is where the description is: http, the gateway's literal IPv4
	// address, a port other than zero.
	Location *url.URL
	// Target is the search target that is answered (ST). Hostile text.
	Target string
	// BootID is the BOOTID.UPNP.ORG header, which changes when the router has
	// restarted; empty where it gives none. Hostile text, good for comparing.
	BootID string
	// Direct is whether it came to the socket that asked the gateway alone.
	Direct bool
}

// ParseReply reads a datagram that came from the address from. It refuses
// whatever is not a reply to a search, and a LOCATION that is not on from.
func ParseReply(packet []byte, from netip.Addr) (Reply, error) {
	if len(packet) > MaxReply {
		return Reply{}, fmt.Errorf("it has more than %d octets", MaxReply)
	}
	headers, err := replyHeaders(packet)
	if err != nil {
		return Reply{}, err
	}
	location, err := parseLocation(headers["LOCATION"], from)
	if err != nil {
		return Reply{}, err
	}
	return Reply{Location: location, Target: headers["ST"], BootID: headers["BOOTID.UPNP.ORG"]}, nil
}

// parseHeaders reads header lines up to the empty one. Names are in upper case
// in the map. A header that stands there twice with two values is refused,
// since readers differ in which one they believe.
func parseHeaders(lines []string) (map[string]string, error) {
	headers := make(map[string]string, 8)
	for i, line := range lines {
		line = strings.TrimSpace(line)
		if line == "" {
			break
		}
		if i >= maxHeaders {
			return nil, fmt.Errorf("it has more than %d header lines", maxHeaders)
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		name, value = strings.ToUpper(strings.TrimSpace(name)), strings.TrimSpace(value)
		if earlier, twice := headers[name]; twice && earlier != value {
			return nil, fmt.Errorf("it has the header %q twice", name)
		}
		headers[name] = value
	}
	return headers, nil
}

// parseLocation reads a LOCATION and refuses one that is not on host.
func parseLocation(text string, host netip.Addr) (*url.URL, error) {
	if text == "" {
		return nil, errors.New("it has no LOCATION")
	}
	location, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("its LOCATION %q is no URL", text)
	}
	if err := CheckURL(location, host); err != nil {
		return nil, fmt.Errorf("its LOCATION %q %w", text, err)
	}
	location.Fragment, location.RawFragment = "", ""
	return location, nil
}

// CheckURL returns an error unless u is plain http on the literal address host,
// with no credentials and a port other than zero. The error's text goes on from
// "the URL …".
func CheckURL(u *url.URL, host netip.Addr) error {
	if u.Scheme != "http" || u.Opaque != "" || u.User != nil {
		return errors.New("is not plain http")
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if err != nil || addr.Is4In6() || addr.Is4() != host.Is4() {
		family := map[bool]string{true: "IPv4", false: "IPv6"}[host.Is4()]
		return fmt.Errorf("does not name its host by an %s address", family)
	}
	if addr != host {
		return fmt.Errorf("points at %s and not at the gateway %s", addr, host)
	}
	if u.Port() == "" && !strings.HasSuffix(u.Host, ":") {
		return nil // 80
	}
	if port, err := strconv.ParseUint(u.Port(), 10, 16); err != nil || port == 0 {
		return errors.New("has no usable port")
	}
	return nil
}
