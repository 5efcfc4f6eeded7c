package wan

// The words of [wan] sources and [wan] sources_ipv6.

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/edgeguard/edgeguard/internal/wan/dnsecho"
)

const (
	// maxURL bounds the length of an echo service's URL.
	maxURL = 2048
	// maxHost bounds a host name (RFC 1035, section 2.3.4), maxInterface the
	// name of an interface (IFNAMSIZ on Linux, less its end).
	maxHost      = 253
	maxInterface = 15
)

// SourceSpec is one entry of [wan] sources, parsed. Make it with ParseSource or
// ParseSourceIPv6.
type SourceSpec struct {
	// Type is "igd", "natpmp", "pcp", "https", "http", "stun", "dns",
	// "interface" or "static".
	Type string
	// URL is the echo service's, where Type is "https" or "http"; else empty.
	URL string
	// Arg is what follows the colon: HOST:PORT of "stun", the service of
	// "dns", the name of "interface"; else empty.
	Arg string
	// Addr is the address of "static"; else the zero Addr.
	Addr netip.Addr
	// Family is the family of address that the source is asked for.
	Family Family
}

// String is the entry as it stands in the config.
func (s SourceSpec) String() string {
	switch {
	case s.URL != "":
		return s.URL
	case s.Addr.IsValid():
		return s.Type + ":" + s.Addr.String()
	case s.Arg != "":
		return s.Type + ":" + s.Arg
	default:
		return s.Type
	}
}

// Outside reports whether the source is a third party on the internet.
func (s SourceSpec) Outside() bool {
	switch s.Type {
	case "https", "http", "stun", "dns":
		return true
	}
	return false
}

// Party is the independent party behind the source: two sources of one party
// count as one.
func (s SourceSpec) Party() string { return party(s.String()) }

// ParseSource reads one entry of [wan] sources. A URL must have a host, and no
// user name and no fragment. The error says what would be right.
func ParseSource(text string) (SourceSpec, error) {
	text = strings.TrimSpace(text)
	word, rest, colon := strings.Cut(text, ":")
	switch {
	case text == "igd" || text == "natpmp" || text == "pcp":
		return SourceSpec{Type: text}, nil
	case !colon:
	case word == "interface":
		return parseInterface(rest)
	case word == "static":
		return parseStatic(rest)
	}
	if spec, ok, err := parseOutside(text, IPv4); ok {
		return spec, err
	}
	return SourceSpec{}, fmt.Errorf(`source %s is not known; use "igd", "natpmp" or "pcp" (ask the router), the URL of an HTTP echo service ("https://…", or "http://…" on a network you trust), "stun:HOST:PORT", "dns:cloudflare", "interface:NAME" or "static:ADDRESS"`, quote(text))
}

// ParseSourceIPv6 reads one entry of [wan] sources_ipv6, which are outside
// services only: the address itself is the interface's.
func ParseSourceIPv6(text string) (SourceSpec, error) {
	text = strings.TrimSpace(text)
	if spec, ok, err := parseOutside(text, IPv6); ok {
		return spec, err
	}
	return SourceSpec{}, fmt.Errorf(`source %s is not known here; use the URL of an HTTP echo service that answers over IPv6 ("https://…"), "stun:HOST:PORT" or "dns:cloudflare"; the address itself is that of the interface`, quote(text))
}

// parseOutside reads an entry for a third party. ok is false where text is none.
func parseOutside(text string, family Family) (spec SourceSpec, ok bool, err error) {
	word, rest, found := strings.Cut(text, ":")
	switch {
	case !found:
		return SourceSpec{}, false, nil
	case strings.EqualFold(word, "https"), strings.EqualFold(word, "http"):
		spec, err = parseEcho(text, family)
	case word == "stun":
		spec, err = parseSTUN(rest)
	case word == "dns":
		spec, err = parseDNS(rest)
	default:
		return SourceSpec{}, false, nil
	}
	if err == nil {
		spec.Family = family
	}
	return spec, true, err
}

func parseInterface(name string) (SourceSpec, error) {
	if name == "" || len(name) > maxInterface || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' }) {
		return SourceSpec{}, fmt.Errorf(`source %s names no interface; write it like "interface:ppp0", with at most %d letters`, quote("interface:"+name), maxInterface)
	}
	return SourceSpec{Type: "interface", Arg: name}, nil
}

func parseStatic(text string) (SourceSpec, error) {
	addr, err := netip.ParseAddr(text)
	if err != nil || !addr.Unmap().Is4() {
		return SourceSpec{}, fmt.Errorf(`source %s holds no IPv4 address; write "static:" and the address at which the internet reaches you`, quote("static:"+text))
	}
	addr = addr.Unmap()
	if what := classify(addr, nil); what != classPublic {
		return SourceSpec{}, fmt.Errorf("source %s is %s; write the address at which the internet reaches you", quote("static:"+text), what)
	}
	return SourceSpec{Type: "static", Addr: addr}, nil
}

func parseSTUN(text string) (SourceSpec, error) {
	host, port, err := net.SplitHostPort(text)
	if err == nil {
		err = checkHost(host)
	}
	if err != nil {
		return SourceSpec{}, fmt.Errorf(`source %s is not of the form "stun:HOST:PORT"; write it like "stun:stun.l.google.com:19302"`, quote("stun:"+text))
	}
	if err := checkPort(port); err != nil {
		return SourceSpec{}, fmt.Errorf("source %s %w", quote("stun:"+text), err)
	}
	return SourceSpec{Type: "stun", Arg: net.JoinHostPort(strings.ToLower(host), port)}, nil
}

// checkHost refuses what can be neither a host name nor a literal address.
func checkHost(host string) error {
	bad := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' || r == '_' || r == ':')
	}
	if host == "" || len(host) > maxHost || strings.ContainsFunc(host, bad) {
		return errors.New("no host name")
	}
	return nil
}

func parseDNS(name string) (SourceSpec, error) {
	if _, ok := dnsecho.Find(name); !ok {
		return SourceSpec{}, fmt.Errorf(`source %s is not known; the DNS services are "dns:%s"`, quote("dns:"+name), strings.Join(dnsecho.Names(), `", "dns:`))
	}
	return SourceSpec{Type: "dns", Arg: name}, nil
}

func parseEcho(text string, family Family) (SourceSpec, error) {
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
	if err := checkEcho(u, text, family); err != nil {
		return SourceSpec{}, fmt.Errorf("source %s %w", quote(text), err)
	}
	return SourceSpec{Type: u.Scheme, URL: text}, nil
}

func checkEcho(u *url.URL, text string, family Family) error {
	if u.Hostname() == "" || u.Opaque != "" {
		return errors.New("names no host; write it like https://api.ipify.org")
	}
	if strings.ContainsRune(text, '#') {
		return errors.New("holds a fragment (#…), which is never sent; leave it out")
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil && !family.is(addr.Unmap()) {
		other := IPv4 + IPv6 - family
		return fmt.Errorf("is at an %s address, which cannot see our %s address; use one that answers over %s", other, family, family)
	}
	if port := u.Port(); port != "" {
		return checkPort(port)
	}
	if strings.HasSuffix(u.Host, ":") {
		return errors.New("ends its host with a colon and no port; leave the colon out")
	}
	return nil
}

func checkPort(text string) error {
	if n, err := strconv.ParseUint(text, 10, 16); err != nil || n == 0 {
		return errors.New("has a port that is not between 1 and 65535")
	}
	return nil
}
