package config

// What follows from where the services are: a service that is found by its host
// name or its MAC address may be elsewhere tomorrow.

import (
	"crypto/x509"
	"net/netip"
	"slices"

	"github.com/edgeguard/edgeguard/internal/cert"
	"github.com/edgeguard/edgeguard/internal/hairpin"
	"github.com/edgeguard/edgeguard/internal/portmap"
)

// told is what the file says and what no address changes.
type told struct {
	names    []toldName
	forwards []portmap.Forward // of [[portmap.forward]]
	pinholes []Pinhole         // likewise
	lets     bool              // pinholes are wanted
}

// toldName is a static override without its addresses.
type toldName struct {
	name, reason string
	service      int // its index
}

// Located returns c with the services that are to be found at these addresses,
// by the names of the services; one that is missing is not found yet. Everything
// that goes by the addresses of services is made anew, and all else is that of
// c, which does not change.
func (c *Config) Located(addresses map[string]netip.Addr) *Config {
	next := *c
	next.Services, next.targets = slices.Clone(c.Services), slices.Clone(c.targets)
	next.Hairpin.Services, next.Names = nil, nil
	for i := range next.Services {
		s := &next.Services[i]
		if s.Followed() {
			s.Address = netip.AddrPort{}
			if addr := addresses[s.Name]; addr.IsValid() {
				s.Address = netip.AddrPortFrom(addr.Unmap(), s.Port)
			}
		}
		next.targets[i].address = s.Address
		if s.Remote {
			next.targets[i].address = netip.AddrPort{}
		}
		next.Hairpin.Services = append(next.Hairpin.Services, s.probed())
	}
	for _, n := range c.told.names {
		if s := next.Services[n.service]; s.Address.IsValid() || !s.Followed() {
			next.Names = append(next.Names, s.Override(n.name, n.reason))
		}
	}
	next.Portmap.Forwards, next.Portmap.Waiting = serviceForwards(&next)
	next.Portmap.Forwards = append(next.Portmap.Forwards, c.told.forwards...)
	next.Outside.Ports = nil
	if !c.Outside.URL.IsZero() {
		next.Outside.Ports = outsidePorts(&next)
	}
	next.Pinholes = nil
	if c.told.lets {
		next.Pinholes = append(servicePinholes(&next), c.told.pinholes...)
	}
	return &next
}

// WithAuthority returns c with root, which may be nil while there is none, as the
// authority of those services that serve a certificate of the own CA and have no
// ca_file. All else is that of c, which does not change.
func (c *Config) WithAuthority(root *x509.Certificate) *Config {
	if c.Certificate.Mode != cert.OwnCA {
		return c
	}
	var pool *x509.CertPool
	var list []*x509.Certificate
	if root != nil {
		pool, list = x509.NewCertPool(), []*x509.Certificate{root}
		pool.AddCert(root)
	}
	next := *c
	next.Services, next.Hairpin.Services = slices.Clone(c.Services), nil
	for i := range next.Services {
		s := &next.Services[i]
		if !s.hasRoots && slices.Contains(c.Certificate.Services, s.Name) {
			s.Roots, s.Authorities = pool, list
		}
		next.Hairpin.Services = append(next.Hairpin.Services, s.probed())
	}
	return &next
}

// Followed reports whether the service is to be found, and may move.
func (s Service) Followed() bool { return s.Host != "" || s.MAC != "" }

// probed is the service as the prober needs it. A remote one is dialled by its
// host name where no name is given.
func (s Service) probed() hairpin.Service {
	h := hairpin.Service{
		Name: s.Name, Address: s.Address, ExternalPort: s.ExternalPort, Names: s.Names, Kind: s.Kind, Roots: s.Roots,
		Host: s.foundBy(), Remote: s.Remote, User: s.User, Password: s.Password, CertificateFile: s.CertificateFile, FileKept: s.FileKept,
	}
	if s.Remote && len(h.Names) == 0 && s.Host != "" {
		h.Names = []string{s.Host}
	}
	return h
}

// foundBy is what the service is found by; empty where the config says its
// address.
func (s Service) foundBy() string { return s.Host + s.MAC }

// place is the host that the service runs on, as the config says it; "" after a
// report.
func (s Service) place() string {
	if s.Followed() || !s.Address.IsValid() {
		return s.foundBy()
	}
	return s.Address.Addr().String()
}

func (s Service) placed() bool { return s.place() != "" }

// samePlace reports whether both are at the same addresses, whatever these are.
func (s Service) samePlace(other Service) bool {
	return s.place() == other.place() && s.Remote == other.Remote && s.LANIPv6 == other.LANIPv6
}

// RemoteOnly reports whether no service is in the home and no record is kept, so
// that nothing depends on the router or the public address.
func (c *Config) RemoteOnly() bool {
	home := slices.ContainsFunc(c.Services, func(s Service) bool { return !s.Remote })
	return !home && len(c.DDNS.Records) == 0 && len(c.Portmap.Forwards) == 0 && len(c.Pinholes) == 0
}

// RemoteNames lists the names of remote services, which are never answered here.
func (c *Config) RemoteNames() (names []string) {
	for _, s := range c.Services {
		if s.Remote {
			names = append(names, s.Names...)
			if s.Host != "" {
				names = append(names, s.Host)
			}
		}
	}
	return names
}
