package upstream

// How a server is written in a config, and what that means.

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Protocol is what is spoken to a server.
type Protocol string

// The protocols, by the scheme that means them.
const (
	// UDP is plain DNS, with TCP for answers that are too long (RFC 1035).
	UDP Protocol = "udp"
	// TCP is plain DNS over TCP alone (RFC 7766).
	TCP Protocol = "tcp"
	// TLS is DNS over TLS (RFC 7858).
	TLS Protocol = "tls"
	// HTTPS is DNS over HTTPS (RFC 8484).
	HTTPS Protocol = "https"
)

// Encrypted reports whether nobody on the way can read or change what is said.
func (p Protocol) Encrypted() bool { return p == TLS || p == HTTPS }

// port is where a protocol is served unless said otherwise.
func (p Protocol) port() uint16 {
	switch p {
	case TLS:
		return 853
	case HTTPS:
		return 443
	}
	return 53
}

// Spec is one server as a config names it. Make one with Parse or Plain; the
// zero Spec is no server. Specs with equal Keys are the same server.
type Spec struct {
	// Text is what was written.
	Text string
	// Protocol is what is spoken to it.
	Protocol Protocol
	// Host is its name, in lower case and without a final dot; empty where
	// Addr says where it is. Names are resolved through Config.Bootstrap.
	Host string
	// Addr is its address; the zero Addr where only Host is known.
	Addr netip.Addr
	// Port is never zero.
	Port uint16
	// Name is whom its certificate must name: a host name or an address.
	// Empty unless the protocol is encrypted.
	Name string
	// Path is the path and query of its URL, from the slash on; empty unless
	// the protocol is HTTPS.
	Path string
	// Get says that HTTPS uses GET in place of POST.
	Get bool
}

// longestSpec bounds the text of a server, in octets.
const longestSpec = 512

// Parse reads a server:
//
//	9.9.9.9, 9.9.9.9:53, [2620:fe::fe]:53   plain, as udp://
//	udp://ADDRESS[:PORT]                    UDP, TCP where an answer is long
//	tcp://ADDRESS[:PORT]                    TCP alone
//	tls://HOST[:PORT][#NAME]                DNS over TLS
//	https://HOST[:PORT]/PATH[#NAME]         DNS over HTTPS, POST
//	https+get://HOST[:PORT]/PATH[#NAME]     the same with GET
//
// HOST is an address or a name; a name may stand for ADDRESS too. NAME is whom
// the certificate must name where that is not HOST. The error says in words
// for a person what is wrong and what would be right; it does not name the key.
func Parse(text string) (Spec, error) {
	if text == "" {
		return Spec{}, errors.New(`empty; write a server, such as "9.9.9.9" or "tls://dns.quad9.net"`)
	}
	if len(text) > longestSpec {
		return Spec{}, fmt.Errorf("longer than %d octets, so it is no server", longestSpec)
	}
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' {
			return Spec{}, fmt.Errorf("%s has a space or a character that a server's URL cannot have; write the name of a host in its ASCII form (xn--…)", quote(text))
		}
	}
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		return parseBare(text)
	}
	s := Spec{Text: text, Protocol: Protocol(strings.ToLower(scheme))}
	switch s.Protocol {
	case UDP, TCP, TLS, HTTPS:
	case "https+get":
		s.Protocol, s.Get = HTTPS, true
	case "http":
		return Spec{}, errors.New("http:// would send every question readable and forgeable; write https://")
	case "quic", "h3", "sdns":
		return Spec{}, fmt.Errorf("%s:// is not spoken here; most such servers answer tls:// or https:// too", s.Protocol)
	default:
		return Spec{}, fmt.Errorf("%s is no scheme of a DNS server; write udp://, tcp://, tls://, https:// or https+get://", quote(scheme))
	}
	rest, name, named := strings.Cut(rest, "#")
	authority := rest
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority, s.Path = rest[:i], rest[i:]
	}
	if err := s.readAuthority(authority); err != nil {
		return Spec{}, err
	}
	if err := s.readPath(); err != nil {
		return Spec{}, err
	}
	return s, s.readName(name, named)
}

// Plain is a server by address, asked as udp:// asks.
func Plain(server netip.AddrPort) Spec {
	s := Spec{Protocol: UDP, Addr: server.Addr().Unmap(), Port: server.Port()}
	s.Text = s.String()
	return s
}

// parseBare reads what has no scheme: an address, with or without a port.
func parseBare(text string) (Spec, error) {
	s := Spec{Text: text, Protocol: UDP}
	host, port := text, ""
	if _, err := netip.ParseAddr(text); err != nil {
		host, port = splitPort(text)
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	if err != nil {
		if _, err := hostName(host); err == nil {
			return Spec{}, fmt.Errorf(`%s is a host name without a scheme, so it is not clear what to speak to it; write "tls://%s", or its IP address`, quote(text), host)
		}
		return Spec{}, fmt.Errorf(`%s is no server; write an IP address such as "9.9.9.9" or "192.168.1.1:5353", or a URL such as "tls://dns.quad9.net"`, quote(text))
	}
	return s, s.setAddr(addr, port)
}

// readAuthority reads HOST[:PORT].
func (s *Spec) readAuthority(authority string) error {
	if strings.Contains(authority, "@") {
		return errors.New("a user name or password in a server's URL is not sent; take out what stands before the @")
	}
	host, port := authority, ""
	if _, err := netip.ParseAddr(authority); err != nil {
		host, port = splitPort(authority)
	}
	if host == "" {
		return errors.New("the host is missing; write it behind the ://")
	}
	if addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")); err == nil {
		s.Name = addr.Unmap().WithZone("").String()
		return s.setAddr(addr, port)
	}
	name, err := hostName(host)
	if err != nil {
		return err
	}
	if !strings.Contains(name, ".") || name == "localhost" || strings.HasSuffix(name, ".local") || strings.HasSuffix(name, ".localhost") {
		return fmt.Errorf("%s is a name that only your own network knows, and servers are looked up in the world's DNS; write its IP address", quote(host))
	}
	s.Host, s.Name = name, name
	return s.setPort(port)
}

// setAddr takes a literal address.
func (s *Spec) setAddr(addr netip.Addr, port string) error {
	s.Addr = addr.Unmap()
	if s.Addr.IsUnspecified() || s.Addr.IsMulticast() || s.Addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return fmt.Errorf("%s is not the address of one host", s.Addr)
	}
	return s.setPort(port)
}

func (s *Spec) setPort(text string) error {
	if text == "" {
		s.Port = s.Protocol.port()
		return nil
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || text[0] == '+' {
		return fmt.Errorf("the port %s is not a number from 1 to 65535", quote(text))
	}
	if port == 0 {
		return fmt.Errorf("port 0 cannot be asked; leave the port out for %d", s.Protocol.port())
	}
	s.Port = uint16(port)
	return nil
}

// readPath checks the path, and takes the URI template's variable off it (RFC
// 8484, section 4.1).
func (s *Spec) readPath() error {
	if s.Protocol != HTTPS {
		if s.Path != "" && s.Path != "/" {
			return fmt.Errorf("%s has no meaning in a %s:// server; take it out, or write https://", quote(s.Path), s.Protocol)
		}
		s.Path = ""
		return nil
	}
	s.Path = strings.TrimSuffix(s.Path, "{?dns}")
	if s.Path == "" {
		return fmt.Errorf(`the path is missing; most servers have theirs at "%s/dns-query"`, strings.TrimSuffix(s.Text, "{?dns}"))
	}
	if s.Path[0] != '/' || strings.ContainsAny(s.Path, `{}"<>\^|`+"`") {
		return fmt.Errorf(`%s is no path; write it like "/dns-query"`, quote(s.Path))
	}
	if _, err := url.ParseRequestURI("https://host" + s.Path); err != nil {
		return fmt.Errorf(`%s is no path; write it like "/dns-query"`, quote(s.Path))
	}
	return nil
}

// readName takes the name behind the #.
func (s *Spec) readName(name string, given bool) error {
	if !s.Protocol.Encrypted() {
		s.Name = ""
		if given {
			return fmt.Errorf("a %s:// server has no certificate that could name %s; take out what stands behind the #, or write tls://", s.Protocol, quote(name))
		}
		return nil
	}
	if !given {
		return nil
	}
	if addr, err := netip.ParseAddr(name); err == nil && addr.Zone() == "" {
		s.Name = addr.Unmap().String()
		return nil
	}
	clean, err := hostName(name)
	if err != nil {
		return fmt.Errorf("the name behind the #: %w", err)
	}
	s.Name = clean
	return nil
}

// Key returns what is the same for two texts that mean the same server.
func (s Spec) Key() Spec {
	s.Text = ""
	return s
}

// AddrPort returns where the server is; invalid where only its name is known.
func (s Spec) AddrPort() netip.AddrPort {
	if !s.Addr.IsValid() {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(s.Addr, s.Port)
}

// String returns the shortest text that Parse reads as the same server.
func (s Spec) String() string {
	host := s.Host
	if s.Addr.IsValid() {
		host = s.Addr.String()
		if s.Addr.Is6() {
			host = "[" + host + "]"
		}
	}
	var b strings.Builder
	if s.Get {
		b.WriteString("https+get://")
	} else if s.Protocol != UDP || !s.Addr.IsValid() {
		b.WriteString(string(s.Protocol) + "://")
	}
	if s.Port == s.Protocol.port() {
		b.WriteString(host)
	} else {
		b.WriteString(host + ":" + strconv.Itoa(int(s.Port)))
	}
	b.WriteString(s.Path)
	own := s.Host
	if s.Addr.IsValid() {
		own = s.Addr.WithZone("").String()
	}
	if s.Name != "" && s.Name != own {
		b.WriteString("#" + s.Name)
	}
	return b.String()
}

// splitPort cuts the port off, where there is one.
func splitPort(text string) (host, port string) {
	if host, port, err := net.SplitHostPort(text); err == nil && port != "" {
		return host, port
	}
	return text, ""
}

// hostName returns name in lower case and without its final dot, or what is
// wrong with it.
func hostName(name string) (string, error) {
	clean := strings.ToLower(strings.TrimSuffix(name, "."))
	if clean == "" || len(clean) > 253 {
		return "", fmt.Errorf("%s is no host name", quote(name))
	}
	letters := false
	for label := range strings.SplitSeq(clean, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return "", fmt.Errorf("%s is no host name", quote(name))
		}
		for _, c := range []byte(label) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return "", fmt.Errorf("%s is no host name", quote(name))
			}
			letters = letters || c >= 'a' && c <= 'z'
		}
	}
	if !letters {
		return "", fmt.Errorf("%s is neither an IP address nor a host name", quote(name))
	}
	return clean, nil
}

// quote shows foreign text, cut to a sensible length.
func quote(text string) string {
	if len(text) > 80 {
		text = strings.ToValidUTF8(text[:80], "") + "…"
	}
	return strconv.Quote(text)
}
