package main

// The authorities that devices have to be told of.

import (
	"crypto/x509"
	"slices"
	"strings"

	"github.com/edgeguard/edgeguard/internal/status"
)

// authorities lists those of every ca_file of the config in force and the
// house's own, each once.
func (d *daemon) authorities() (list []status.Authority) {
	c := d.now.Load()
	add := func(service string, cert *x509.Certificate) {
		i := slices.IndexFunc(list, func(a status.Authority) bool { return a.Certificate.Equal(cert) })
		switch {
		case i < 0:
			list = append(list, status.Authority{Service: service, Certificate: cert, Own: cert.Equal(c.root)})
		case service != "":
			list[i].Service += ", " + service
		}
	}
	for _, s := range c.cfg.Services {
		for _, cert := range s.Authorities {
			add(s.Name, cert)
		}
	}
	if c.root != nil && !slices.ContainsFunc(list, func(a status.Authority) bool { return a.Own }) {
		add(strings.Join(c.cfg.Certificate.Services, ", "), c.root)
	}
	return list
}

// crl is the own authority's list of revoked certificates; nil where there is
// none.
func (d *daemon) crl() []byte { return d.now.Load().cert.Status().Load().CRL }
