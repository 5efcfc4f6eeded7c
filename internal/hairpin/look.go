package hairpin

// One look at one service: TCP, TLS, the certificate, MQTT.

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin/mqtt"
)

// look is what one look at a service found.
type look struct {
	// reached is whether the service answers in TLS.
	reached bool
	// proved is whether the handshake was completed, so that the service has
	// proved that it holds the key of the certificate it showed.
	proved bool
	// wantsClient is whether it asked for a client certificate and gave us up
	// for having none.
	wantsClient bool
	// version and cipher are those of TLS; zero where it was not reached.
	version, cipher uint16
	// asked is how the broker was called, and mqtt its word; empty where it was
	// not asked or said none.
	asked asked
	mqtt  string
	// fault is what went wrong, and err the same in words; brokerUnseen and
	// empty when nothing did.
	fault state
	err   string
	// served is the certificate shown; nil where there was none.
	served *served
}

// asked is how a broker was called.
type asked uint8

const (
	notAsked   asked = iota
	asNobody         // no credentials are configured
	asUser           // with them
	asWithheld       // without them, as its certificate does not prove enough
	asNameless       // without them, as there is nothing to hold the certificate against
)

// visitor looks at one service.
type visitor struct {
	dial    dialFunc
	service Service
	// known are the certificates in the service's file, which it may have left
	// out.
	known []*x509.Certificate
	// quiet is set where the broker must not be asked, as it has refused the
	// credentials a moment ago: who repeats them too often is locked out.
	quiet bool
}

// look looks at the service within ctx.
func (v visitor) look(ctx context.Context) look {
	s := v.service
	c := dialTLS(ctx, v.dial, s.Address, serverName(s.Names))
	defer c.hangUp()
	l := look{version: c.version, cipher: c.cipher}
	if len(c.chain) > 0 {
		l.served = readKnown(c.chain, s.Roots, s.Names, v.known, time.Now())
	}
	switch {
	case c.dialErr != nil:
		fault, detail := dialFault(c.dialErr)
		l.fail(fault, s.Address, detail)
	case c.tlsErr != nil && c.wantsClient && l.served != nil && !isTimeout(c.tlsErr):
		l.reached, l.wantsClient = true, true // TLS 1.2: it ends the handshake
	case c.tlsErr != nil:
		fault, detail := handshakeFault(c.tlsErr)
		if s.Kind == MQTT && v.speaksPlainMQTT(ctx, c.tlsErr) {
			fault, detail = faultNotTLS, plainMQTT
		}
		l.fail(fault, s.Address, detail)
	default:
		l.reached, l.proved = true, true
		if s.Kind == MQTT && !v.quiet {
			l.greet(c, s)
		}
	}
	return l
}

func (l *look) fail(fault state, address netip.AddrPort, detail string) {
	l.fault, l.err = fault, fault.clause("address", address.String(), "detail", detail)
}

// greet asks the broker inside TLS.
func (l *look) greet(c *call, s Service) {
	l.asked = credentialsFor(s, l.served)
	word, err := mqtt.Greet(c.conn, mqtt.V311, l.asked.credentials(s))
	switch {
	case err == nil:
		l.mqtt = word
	case c.wantsClient && !isTimeout(err) && !errors.Is(err, mqtt.ErrNotMQTT):
		l.wantsClient = true // TLS 1.3: it ends the connection afterwards
	default:
		fault, detail := mqttFault(err)
		l.fail(fault, s.Address, detail)
	}
}

// credentialsFor decides how a broker is called that has proved that it holds
// the key of what it served. A password goes to nobody but the one that is meant:
// the chain must verify, and the certificate must be good for a configured name.
// Where there is no name, an authority of the home's own is proof enough, as it
// signs for nobody else; the system's authorities sign for the whole world.
func credentialsFor(s Service, shown *served) asked {
	switch {
	case s.User == "":
		return asNobody
	case shown == nil || !shown.cert.Trusted:
		return asWithheld
	case len(s.Names) == 0 && s.Roots == nil:
		return asNameless
	case len(s.Names) > 0 && len(uncovered(s.Names, shown.Valid)) == len(s.Names):
		return asWithheld
	default:
		return asUser
	}
}

// credentials are those to send.
func (a asked) credentials(s Service) mqtt.Credentials {
	if a != asUser {
		return mqtt.Credentials{}
	}
	return mqtt.Credentials{User: s.User, Password: s.Password}
}

// refused reports whether the broker refused the credentials of the config.
func (l look) refused() bool {
	return l.asked == asUser && (l.mqtt == mqtt.NotAuthorised || l.mqtt == mqtt.BadCredentials || l.mqtt == mqtt.Banned)
}

// speaksPlainMQTT asks a port that failed the TLS handshake without TLS, where
// the failure looks like that of a broker: it hung up on the unknown packet.
// Credentials are not for it.
func (v visitor) speaksPlainMQTT(ctx context.Context, tlsErr error) bool {
	if isTimeout(tlsErr) || !isHangUp(tlsErr) && !errors.As(tlsErr, new(tls.RecordHeaderError)) {
		return false
	}
	conn, err := v.dial(ctx, "tcp", v.service.Address.String())
	if err != nil {
		return false
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	_, err = mqtt.Greet(conn, mqtt.V311, mqtt.Credentials{})
	return err == nil
}

// tlsStatus is how the service answered, without what old devices make of it.
func (l look) tlsStatus() *TLSStatus {
	if l.version == 0 {
		return nil
	}
	return &TLSStatus{Version: tls.VersionName(l.version), Cipher: tls.CipherSuiteName(l.cipher), OldDevices: fact.VerdictUnknown}
}
