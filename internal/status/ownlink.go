package status

// The address of a page of ours, as other devices of the home reach it.

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// linkTo is the address of path as other devices of the home reach it, made of
// the Host header of r; empty where that does not prove to be ours. A phone is
// sent there to take a certificate that it then trusts, so this is stricter than
// knowsHost: a name that anybody in the house could claim (by mDNS, or to the
// router) is no name of ours. Nothing of the header goes through as it came.
func (s *Server) linkTo(r *http.Request, path string) string {
	host, port := r.Host, "80"
	if h, p, err := net.SplitHostPort(r.Host); err == nil {
		host, port = h, p
	} else if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	} else if strings.Contains(host, ":") {
		return ""
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
		return ""
	}
	if host = s.ownHost(host); host == "" {
		return ""
	}
	if n != 80 {
		host += ":" + port
	}
	return "http://" + host + path
}

// ownHost is host as it stands in a link; empty where it is not one by which
// other devices of the home reach us.
func (s *Server) ownHost(host string) string {
	if addr, err := netip.ParseAddr(host); err == nil {
		addr = addr.Unmap()
		switch {
		case addr.IsLoopback(), addr.IsLinkLocalUnicast(), addr.Zone() != "", !s.ours(addr):
			return ""
		case addr.Is6():
			return "[" + addr.String() + "]"
		}
		return addr.String()
	}
	host = fact.CanonicalName(host)
	if !isHostName(host) || s.cfg.Names == nil || !slices.Contains(s.cfg.Names(), host) {
		return ""
	}
	return host
}
