package hairpin

// The rare look: what old devices would get, and MQTT 5.0. Each is another
// connection, which says the same for months, so it is made after a start, after
// a change and once an hour.

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin/certs"
	"github.com/edgeguard/edgeguard/internal/hairpin/mqtt"
)

const (
	// deepEvery is how often the rare look is taken while nothing changes.
	deepEvery = time.Hour
	// deepAgain is how soon it is repeated where it did not come to an end.
	deepAgain = 5 * time.Minute
)

// deep is what the rare look found.
type deep struct {
	at time.Time // zero: never
	of shown     // what the service showed then
	// oldDevices is whether an old device can talk to the service, why why not.
	oldDevices fact.Verdict
	why        string
	mqtt5      string // the broker's word; empty where it was not asked or said none
	// unfinished is whether something could not be found out.
	unfinished bool
}

// shown is what tells one state of a service's TLS from another.
type shown struct {
	leaf            string // its raw bytes
	version, cipher uint16
	asked           asked
}

func (l look) shown() shown {
	s := shown{version: l.version, cipher: l.cipher, asked: l.asked}
	if l.served != nil {
		s.leaf = string(l.served.Leaf.Raw)
	}
	return s
}

// due reports whether the rare look is to be taken after look l.
func (d deep) due(l look, now time.Time) bool {
	wait := deepEvery
	if d.unfinished {
		wait = deepAgain
	}
	return l.reached && (d.at.IsZero() || d.of != l.shown() || now.Sub(d.at) >= wait)
}

// lookDeep takes the rare look, within ctx, at a service that look l reached.
func (v visitor) lookDeep(ctx context.Context, l look) deep {
	d := deep{at: time.Now(), of: l.shown()}
	d.oldDevices, d.why = v.tryAsOldDevice(ctx, l)
	d.unfinished = d.oldDevices == fact.VerdictUnknown
	if v.service.Kind == MQTT && l.proved && !l.wantsClient && l.err == "" && !l.refused() && !v.quiet {
		var err error
		d.mqtt5, err = v.greet5(ctx)
		d.unfinished = d.unfinished || isTimeout(err)
	}
	return d
}

// greet5 asks the broker in MQTT 5.0. It judges anew whom it talks to, as this
// is another connection.
func (v visitor) greet5(ctx context.Context) (string, error) {
	s := v.service
	c := dialTLS(ctx, v.dial, s.Address, serverName(s.Names))
	defer c.hangUp()
	if c.dialErr != nil || c.tlsErr != nil {
		return "", context.DeadlineExceeded // it answered a moment ago
	}
	how := credentialsFor(s, readKnown(c.chain, s.Roots, s.Names, v.known, time.Now()))
	return mqtt.Greet(c.conn, mqtt.V5, how.credentials(s))
}

// oldDevice is a client as Tasmota on an ESP8266 is one: TLS 1.2, one cipher
// suite, one curve.
func oldDevice(name string) *tls.Config {
	return &tls.Config{
		ServerName:       name,
		MinVersion:       tls.VersionTLS12,
		MaxVersion:       tls.VersionTLS12,
		CipherSuites:     []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
		CurvePreferences: []tls.CurveID{tls.CurveP256},
	}
}

// tryAsOldDevice calls the service as an old device does. No is said only where
// the service refuses, or the key is too much.
func (v visitor) tryAsOldDevice(ctx context.Context, l look) (fact.Verdict, string) {
	c := dialTLSAs(ctx, v.dial, v.service.Address, oldDevice(serverName(v.service.Names)))
	defer c.hangUp()
	switch {
	case len(c.chain) > 0:
		return judgeForOldDevice(c.chain[0], l.served, time.Now())
	case isAlert(c.tlsErr):
		return fact.VerdictFail, v.whyNotOld(ctx, l)
	default:
		return fact.VerdictUnknown, ""
	}
}

// judgeForOldDevice judges the certificate that an old device is given.
func judgeForOldDevice(leaf *x509.Certificate, others *served, now time.Time) (fact.Verdict, string) {
	bits := certs.RSABits(leaf)
	switch {
	case bits == 0: // no server picks such a certificate for this cipher suite
		return fact.VerdictFail, "its key is " + certs.Key(leaf) + ", and they know RSA alone"
	case bits > certs.OldRSABits:
		return fact.VerdictFail, "its key is " + certs.Key(leaf) + ", and they have the memory for RSA 2048"
	case others != nil && !leaf.Equal(others.Leaf) && now.After(leaf.NotAfter) && now.Before(others.Leaf.NotAfter):
		return fact.VerdictFail, "they are still given an older certificate with an RSA key, which expired on " + day(leaf.NotAfter) + "; restart the service"
	default:
		return fact.VerdictPass, ""
	}
}

// whyNotOld says why the service refused the handshake of an old device.
func (v visitor) whyNotOld(ctx context.Context, l look) string {
	if l.served != nil && certs.RSABits(l.served.Leaf) == 0 {
		return "its key is " + l.served.cert.Key + ", and they know RSA alone"
	}
	cfg := &tls.Config{ServerName: serverName(v.service.Names), MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12}
	c := dialTLSAs(ctx, v.dial, v.service.Address, cfg)
	defer c.hangUp()
	if isAlert(c.tlsErr) && len(c.chain) == 0 {
		return "it refuses TLS 1.2, and they know no newer one"
	}
	return "it refuses TLS 1.2 with ECDHE-RSA-AES128-GCM-SHA256, the one cipher that they know"
}
