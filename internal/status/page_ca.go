package status

// What is served below /ca/: the certificates of the authorities that devices
// have to know before they trust a service, in the form that each kind of device
// takes, and the list of certificates that an own authority has revoked.

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/status/phones"
)

// authoritiesPath is where the page is; below it are the certificates, as 1.crt
// and so on.
const authoritiesPath = "/ca/"

// maxAuthorities bounds how many are offered.
const maxAuthorities = 16

// The media types of what is offered.
const (
	certificateType = "application/x-x509-ca-cert" // makes devices offer to install it
	pemType         = "application/x-pem-file"
	crlType         = "application/pkix-crl" // RFC 2585, section 4.2
)

// Authority is one that devices have to be told of, as its certificate is in no
// device by itself.
type Authority struct {
	// Service is the service that is verified against it, or several of them.
	Service string
	// Certificate is its certificate; never nil. A key has no place here.
	Certificate *x509.Certificate
	// Own is whether it is the one that edgeguard itself keeps, and not from a
	// ca_file.
	Own bool
}

// authorities lists what is offered.
func (s *Server) authorities() []Authority {
	if s.cfg.Authorities == nil {
		return nil
	}
	return first(s.cfg.Authorities(), maxAuthorities)
}

// crl is the own authority's list of revoked certificates; nil where there is
// none.
func (s *Server) crl() []byte {
	if s.cfg.CRL == nil {
		return nil
	}
	return s.cfg.CRL()
}

// serveAuthorities answers what is asked below authoritiesPath.
func (s *Server) serveAuthorities(w http.ResponseWriter, r *http.Request) {
	scrub := newScrubber(s.cfg.Secrets()).all
	list := s.authorities()
	switch name := strings.TrimPrefix(r.URL.Path, authoritiesPath); name {
	case "":
		reply(w, http.StatusOK, htmlType, Authorities(AuthoritiesPage{
			List: list, Link: s.linkTo(r, authoritiesPath), Revoked: s.crl() != nil, Scrub: scrub, Now: time.Now(),
		}))
	case "crl.der", "crl.pem":
		s.serveCRL(w, name)
	default:
		serveCertificate(w, list, name, scrub)
	}
}

// serveCRL answers with the list of revoked certificates.
func (s *Server) serveCRL(w http.ResponseWriter, name string) {
	der := s.crl()
	switch {
	case der == nil:
		reply(w, http.StatusNotFound, textType, []byte("There is no list of revoked certificates: edgeguard keeps no authority of its own (mode = \"own-ca\" under [certificate]), or it is not known yet.\n"))
	case name == "crl.der":
		reply(w, http.StatusOK, crlType, der)
	default:
		w.Header().Set("Content-Disposition", `attachment; filename="crl.pem"`)
		reply(w, http.StatusOK, pemType, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
	}
}

// serveCertificate answers with one of list by its name, as 1.crt.
func serveCertificate(w http.ResponseWriter, list []Authority, name string, scrub func(string) string) {
	place, form, _ := strings.Cut(name, ".")
	i, err := strconv.Atoi(place)
	if err != nil || i < 1 || i > len(list) || strconv.Itoa(i) != place {
		form = ""
	}
	keep := func(ending string) {
		w.Header().Set("Content-Disposition", `attachment; filename="ca`+place+"."+ending+`"`)
	}
	switch form {
	case "crt":
		keep(form)
		reply(w, http.StatusOK, certificateType, list[i-1].Certificate.Raw)
	case "pem":
		keep(form)
		reply(w, http.StatusOK, pemType, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: list[i-1].Certificate.Raw}))
	case "mobileconfig":
		// Not to be kept as a file: Safari takes it by its type.
		c := list[i-1].Certificate
		reply(w, http.StatusOK, phones.ProfileType, phones.Profile(c, scrub(nameOfAuthority(c))))
	default:
		reply(w, http.StatusNotFound, textType, []byte("There is no such certificate here. "+authoritiesPath+" lists those that there are.\n"))
	}
}

// nameOfAuthority is what people know it by.
func nameOfAuthority(c *x509.Certificate) string {
	for _, name := range slices.Concat([]string{c.Subject.CommonName}, c.Subject.Organization) {
		if name = cut(oneLine(name), maxLabel); name != "" {
			return name
		}
	}
	return cut(c.SerialNumber.String(), maxLabel)
}
