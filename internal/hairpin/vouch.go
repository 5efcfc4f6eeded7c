package hairpin

// Whether what answers at another address is the service: asked before anything
// is led there.

import (
	"context"
	"net"
	"slices"
	"time"
)

// noneAtHome is why the loopback is of no account.
const noneAtHome = "no service is at home"

func allRemote(services []Service) bool {
	return len(services) > 0 && !slices.ContainsFunc(services, func(s Service) bool { return !s.Remote })
}

// Vouched is what was found at an address.
type Vouched struct {
	// Answers is whether somebody there proved in TLS to hold the key whose
	// SHA-256 (lower-case hex, of the SubjectPublicKeyInfo) is SPKI.
	Answers bool
	SPKI    string
	// Trusted is whether its certificate is trusted, and names a name of the
	// service's.
	Trusted bool
	// Why says what is wrong where it does not answer or is not trusted.
	Why string
}

// Vouch looks at s.Address within ctx and says who answers there. Names are
// those that clients dial beside s.Names. MQTT is not spoken.
func Vouch(ctx context.Context, s Service, names []string) Vouched {
	names = slices.Concat(s.Names, names)
	c := dialTLS(ctx, (&net.Dialer{}).DialContext, s.Address, serverName(names))
	defer c.hangUp()
	address := s.Address.String()
	switch {
	case c.dialErr != nil:
		return Vouched{Why: wordsDial(c.dialErr, address)}
	case len(c.chain) == 0 || c.tlsErr != nil && !c.wantsClient:
		// Who asks for a client certificate has proved its key before (RFC 5246,
		// section 7.4.3; RFC 8446, section 4.4.3).
		return Vouched{Why: wordsHandshake(c.tlsErr, address)}
	}
	served := read(c.chain, s.Roots, names, time.Now())
	v := Vouched{Answers: true, SPKI: served.cert.SPKISHA256, Why: served.cert.Why}
	switch named := len(names) > len(uncovered(names, served.Valid)); {
	case !served.cert.Trusted:
	case !named:
		v.Why = "its certificate names none of the service's names"
	default:
		v.Trusted = true
	}
	return v
}
