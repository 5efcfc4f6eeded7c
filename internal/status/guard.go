package status

// Who may ask, and by which name: the page is for the home only, and not for
// web pages that were tricked into the home by DNS rebinding.

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// refusal is why a request is not answered.
type refusal struct {
	status int
	text   string
}

// refuse returns why r is not answered, or nil.
func (s *Server) refuse(r *http.Request) *refusal {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	switch {
	case err != nil || !s.ours(peer.Addr()):
		return &refusal{http.StatusForbidden, "The status is shown to the home network only, and this request comes from outside of it."}
	case !s.knowsHost(r.Host):
		return &refusal{http.StatusForbidden, "This host is not known by the name that was asked for. Open the page by its IP address, or by a name without dots or in .local, .lan or .home.arpa."}
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return &refusal{http.StatusMethodNotAllowed, "The status can only be read: use GET or HEAD."}
	case r.URL.Path != pushPath && fromAnotherSite(r) && r.Header.Get("Sec-Fetch-Mode") != "navigate":
		// A link on another page may lead here; another page may not read this one,
		// nor may it find out by an image or a script that it is here.
		return &refusal{http.StatusForbidden, "The status is not for other web pages to ask for. Open it by itself."}
	}
	return nil
}

// ours reports whether addr belongs to the home.
func (s *Server) ours(addr netip.Addr) bool {
	addr = addr.Unmap()
	if addr.IsLoopback() || addr.IsLinkLocalUnicast() || addr.IsPrivate() {
		return true
	}
	if s.cfg.OwnPrefixes == nil {
		return false
	}
	// A prefix never contains an address with a zone.
	return slices.ContainsFunc(s.cfg.OwnPrefixes(), func(p netip.Prefix) bool { return p.Contains(addr.WithZone("")) })
}

// knowsHost reports whether a Host header names this host in a way that no
// stranger's DNS can: only the home decides on addresses, on names without
// dots, and on names in the domains set apart for it (RFC 6762, RFC 8375).
func (s *Server) knowsHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	} else if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	host = fact.CanonicalName(host)
	if !isHostName(host) {
		return false
	}
	if !strings.Contains(host, ".") {
		return true // "localhost" too
	}
	for _, zone := range []string{".local", ".lan", ".home.arpa"} {
		if strings.HasSuffix(host, zone) {
			return true
		}
	}
	return s.cfg.Names != nil && slices.Contains(s.cfg.Names(), host)
}

// isHostName reports whether host is made of letters, digits, hyphens,
// underscores and single dots only.
func isHostName(host string) bool {
	if host == "" || len(host) > 253 || strings.HasPrefix(host, ".") || strings.HasSuffix(host, ".") || strings.Contains(host, "..") {
		return false
	}
	return !strings.ContainsFunc(host, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
	})
}
