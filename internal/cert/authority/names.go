package authority

// Which names a certificate may have.

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxCommonName is the most that a common name may have (RFC 5280, appendix
	// A.1: ub-common-name); we count bytes.
	maxCommonName = 64
	// maxNames bounds the names, and the addresses, of one certificate.
	maxNames = 100
	// maxURL bounds the URL of the list of revoked certificates, in bytes.
	maxURL = 512
)

// checkDomain returns what is wrong with a DNS name in the form in which
// certificates hold it. A wildcard is none.
func checkDomain(name string) error {
	if name == "" || len(name) > 253 {
		return fmt.Errorf("%.60q is no DNS name: its length must be 1 to 253", name)
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return fmt.Errorf("%.60q is no DNS name: its parts must have 1 to 63 letters, and no hyphen at an end", name)
		}
		for _, c := range []byte(label) {
			if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
				return fmt.Errorf("%.60q is no DNS name: it may have small letters, digits, hyphens and dots", name)
			}
		}
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return fmt.Errorf("%q is an address and no DNS name", name)
	}
	return nil
}

// checkServer returns what is wrong with the names of a server, or why by may
// not issue for them.
func checkServer(r ServerRequest, by *x509.Certificate) error {
	if len(r.Names) == 0 {
		return errors.New("a server's certificate needs a DNS name")
	}
	if len(r.Names) > maxNames || len(r.Addresses) > maxNames {
		return fmt.Errorf("a certificate can have at most %d names, and as many addresses", maxNames)
	}
	for _, name := range r.Names {
		bare := strings.TrimPrefix(name, "*.")
		if err := checkDomain(bare); err != nil {
			return err
		}
		if !permits(by.PermittedDNSDomains, bare) {
			return fmt.Errorf("%q is outside what the certificate authority was limited to (%s)", name, strings.Join(by.PermittedDNSDomains, ", "))
		}
	}
	for _, a := range r.Addresses {
		if !a.IsValid() || a.Zone() != "" {
			return errors.New("an address with a zone, or none at all, cannot stand in a certificate")
		}
		if !permitsAddress(by, net.IP(a.Unmap().AsSlice())) {
			return fmt.Errorf("the address %v is outside what the certificate authority was limited to", a)
		}
	}
	return nil
}

// permits reports whether name is one of the domains or below one; no domains
// permit every name.
func permits(domains []string, name string) bool {
	for _, d := range domains {
		if name == d || strings.HasSuffix(name, "."+d) {
			return true
		}
	}
	return len(domains) == 0
}

func permitsAddress(by *x509.Certificate, ip net.IP) bool {
	for _, n := range by.ExcludedIPRanges {
		if n.Contains(ip) {
			return false
		}
	}
	for _, n := range by.PermittedIPRanges {
		if n.Contains(ip) {
			return true
		}
	}
	return len(by.PermittedIPRanges) == 0
}

// checkText returns what is wrong with a common name of at most limit bytes.
func checkText(text string, limit int) error {
	switch {
	case text == "" || len(text) > limit:
		return fmt.Errorf("it must have 1 to %d bytes", limit)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("it may have printable characters only")
	case strings.TrimSpace(text) != text:
		return errors.New("it must not begin or end with a blank")
	}
	return nil
}

// checkClient returns what is wrong with the name of a client, which the broker
// takes as the user name: in a rule for topics it must not widen anything.
func checkClient(name string, by *x509.Certificate) error {
	err := checkText(name, maxCommonName)
	switch {
	case err != nil:
	case strings.ContainsAny(name, "+#/"):
		err = errors.New("it must not hold +, # or /, which mean something in the rules of a broker")
	case name[0] == '$':
		err = errors.New("it must not begin with $, as a broker's own topics do")
	case strings.Contains(name, ".") && !permits(by.PermittedDNSDomains, name):
		// OpenSSL takes a common name with a dot for a host name where there is no
		// DNS name beside it, and holds it to the constraint.
		err = errors.New("it must not hold a dot, as this certificate authority is limited to some domains, and brokers take a name with a dot for a host's; write - instead")
	}
	if err != nil {
		return fmt.Errorf("%.80q cannot be a client's name: %w", name, err)
	}
	return nil
}

// checkURL returns what is wrong with the URL of the list of revoked
// certificates. It is http: a client that checks it has no TLS yet.
func checkURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || len(text) > maxURL || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return fmt.Errorf("the address of the list of revoked certificates must be an http URL of at most %d bytes", maxURL)
	}
	return nil
}
