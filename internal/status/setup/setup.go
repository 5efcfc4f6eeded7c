// Package setup says how each kind of client is set up for one broker, field by
// field in the client's own words, as data: the page draws it, and other
// renderings may. It knows nothing but what it is given.
package setup

import (
	"strconv"

	"github.com/edgeguard/edgeguard/internal/status/texts"
)

// Trust is who vouches for a broker's certificate.
type Trust int

// The values of Trust.
const (
	// TrustUnsure is a certificate that verifies here, by an authority that may
	// be this home's own.
	TrustUnsure Trust = iota
	// TrustPublic is one that ends at an authority that devices know.
	TrustPublic
	// TrustOwn is one that devices do not trust by themselves.
	TrustOwn
)

// Broker is what clients must know of a broker.
type Broker struct {
	// Host is the name to dial, Port the port outside, which is the one inside.
	Host string
	Port uint16
	// Trust is who vouches for the certificate; Root names that authority, and
	// Why says why it is not trusted. Both may be empty.
	Trust Trust
	Root  string
	Why   string
	// Fingerprint is Tasmota's, of the broker's key; empty where not known.
	Fingerprint string
	// OldDevices is whether a device that knows only what Tasmota on ESP8266
	// does can connect; nil where that was not tried. OldDevicesWhy says why not.
	OldDevices    *bool
	OldDevicesWhy string
}

// Client is how one kind of client is set up.
type Client struct {
	// ID is short, of lower-case letters, and stays the same.
	ID    string
	Title string
	Steps []Step
}

// Step is one step: a sentence, and then what belongs to it, if anything.
type Step struct {
	Text string
	// Fields are to be filled in; Commands are to be typed, a line each.
	Fields   []Field
	Commands []string
}

// Field is one field of a client, by the name that the client gives it.
type Field struct{ Name, Value string }

// Clients says how each kind of client is set up for b, in the language of t.
// The same b gives the same steps.
func Clients(b Broker, t *texts.Texts) []Client {
	return []Client{
		mosquitto(b, t), nodeRED(b, t), mqttFX(b, t), mqttExplorer(b, t), tasmota(b, t), iPhone(b, t), android(b, t),
	}
}

// port is b's port as it is typed.
func (b Broker) port() string { return strconv.Itoa(int(b.Port)) }

// CA says in words whether clients need a CA file.
func (b Broker) CA(t *texts.Texts) string {
	switch {
	case b.Trust == TrustPublic:
		return texts.Fill(t.Setup.CAPublic, "root", b.Root)
	case b.Trust == TrustOwn && b.Why != "":
		return texts.Fill(t.Setup.CAOwn, "why", b.Why)
	case b.Trust == TrustOwn:
		return texts.Fill(t.Setup.CAOwn, "why", t.Page.NotKnown)
	}
	return t.Setup.CAUnsure
}

// caField is what a client's field for the CA file takes.
func (b Broker) caField(t *texts.Texts) string {
	switch b.Trust {
	case TrustPublic:
		return t.Setup.Empty
	case TrustOwn:
		return t.Setup.CAFile
	}
	return t.Setup.CAOrSystem
}
