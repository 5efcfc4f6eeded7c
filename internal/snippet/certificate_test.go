package snippet_test

// The texts on the certificate: what they hold whatever comes in.

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/snippet"
	"pgregory.net/rapid"
)

// kept is the home of the documentation, with an authority of its own.
var kept = snippet.Certificate{
	Names: []string{"mqtt.example.org", "myhome.duckdns.org"}, Port: 8883, Folder: "/data/broker", OwnCA: true, Clients: true, RSA: true,
	Fingerprint: "0A 1B 2C 3D 4E 5F 60 71 82 93 A4 B5 C6 D7 E8 F9 0A 1B 2C 3D",
	Root:        &snippet.Anchor{Subject: []byte{0x30, 0x00}, Modulus: []byte{0xC0, 0xFF, 0xEE}, Exponent: []byte{1, 0, 1}},
}

func certificateText(t *testing.T, id string, c snippet.Certificate) string {
	t.Helper()
	for _, s := range snippet.Certificates(c) {
		if s.ID == id {
			return s.Text
		}
	}
	t.Fatalf("there is no snippet %q", id)
	return ""
}

// certificateDocs is the part of docs/snippets.md on the certificate.
func certificateDocs() string {
	var b strings.Builder
	b.WriteString(`
# The certificate

With mode = "acme" or "own-ca" in [certificate], ` + "`edgeguard cert show`" + ` and
` + "`edgeguard snippets`" + ` write these lines too, for your own names, ports and folder.
The example has an authority of its own and clients with certificates; without
them the lines that need them are left out.

Tried with the real program, in edgeguard's own tests: both texts for Mosquitto,
mosquitto_sub, paho-mqtt and MQTT.js, and the authority for Tasmota with BearSSL,
the TLS stack in it. The others for Tasmota and that for Node-RED are written from
what their makers publish.
`)
	for _, s := range snippet.Certificates(kept) {
		fmt.Fprintf(&b, "\n## %s\n\n`edgeguard snippets %s`, for: %s.\n\n```\n%s```\n", s.Title, s.ID, s.Where, s.Text)
		for _, n := range s.Notes {
			fmt.Fprintf(&b, "\n- %s", n)
		}
		if len(s.Notes) > 0 {
			b.WriteString("\n")
		}
	}
	return b.String()
}

func TestCertificateIDsAreOneWordEachAndUnique(t *testing.T) {
	ids := snippet.CertificateIDs()
	seen := map[string]bool{}
	for _, id := range snippet.IDs() {
		seen[id] = true
	}
	for i, s := range snippet.Certificates(kept) {
		if s.ID != ids[i] || seen[s.ID] || strings.ContainsAny(s.ID, " \t") || s.Title == "" || s.Where == "" || !strings.HasSuffix(s.Text, "\n") {
			t.Errorf("%+v", s)
		}
		seen[s.ID] = true
		for _, n := range s.Notes {
			if !strings.HasSuffix(n, ".") {
				t.Errorf("%s: the note %q is no sentence", s.ID, n)
			}
		}
	}
}

func TestTheTextsFollowWhatThereIs(t *testing.T) {
	public := kept
	public.OwnCA, public.Clients, public.Root = false, false, nil
	noRSA := kept
	noRSA.RSA, noRSA.Fingerprint, noRSA.Root = false, "", nil
	byPrint := kept
	byPrint.Root = nil
	wild := kept
	wild.Names = []string{"*.example.org"}
	ports := kept
	ports.Port, ports.Listen = 8884, 1883
	for _, c := range []struct {
		id       string
		in       snippet.Certificate
		has, not []string
	}{
		{"mosquitto", kept, []string{"certfile /data/broker/combined.pem\nkeyfile /data/broker/combined.pem\n", "tls_version tlsv1.2"}, []string{"require_certificate"}},
		{"mosquitto", ports, []string{"listener 1883\n"}, []string{"8884"}},
		{"mosquitto-clients", kept, []string{"cafile /data/broker/ca.crt", "crlfile /data/broker/crl.pem", "require_certificate true", "use_identity_as_username true"}, nil},
		{"mosquitto-clients", public, []string{"# There is no certificate authority"}, []string{"listener"}},
		{"mosquitto-compose", kept, []string{"./broker-certificates:/data/broker:ro"}, []string{"combined.pem"}},
		{"node-red", kept, []string{"Server Name: mqtt.example.org", "CA Certificate: upload ca.crt", "Verify server certificate: checked"}, nil},
		{"node-red", public, []string{"CA Certificate: empty"}, []string{"phone"}},
		{"tasmota", kept, []string{"SetOption132 0; SetOption103 1"}, []string{"MqttFingerprint"}},
		{"tasmota", byPrint, []string{"SetOption132 1; MqttFingerprint1 0A 1B"}, nil},
		{"tasmota", noRSA, []string{"# Tasmota cannot check"}, []string{"Backlog"}},
		{"tasmota", public, []string{"SetOption132 0"}, nil},
		{"tasmota", ports, []string{"MqttPort 8884"}, nil},
		{"tasmota-build", kept, []string{"#define USE_MQTT_TLS ", "#define USE_MQTT_TLS_CA_CERT ", "#define USE_MQTT_AWS_IOT ", "#define INCLUDE_LOCAL_CERT "}, nil},
		{"tasmota-build", public, []string{"#define USE_MQTT_TLS "}, []string{"AWS", "LOCAL"}},
		{"tasmota-ca", public, []string{"# The broker's certificate is from a public"}, []string{"TA0"}},
		{"mqttjs", public, []string{"mqtts://mqtt.example.org:8883"}, []string{"fs"}},
		{"paho", wild, []string{"# There is no name"}, []string{"*"}},
	} {
		text := certificateText(t, c.id, c.in)
		for _, want := range c.has {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %q:\n%s", c.id, want, text)
			}
		}
		for _, not := range c.not {
			if strings.Contains(text, not) {
				t.Errorf("%s holds %q:\n%s", c.id, not, text)
			}
		}
	}
}

// Whatever names, paths and fingerprints come in, nothing that means something
// else gets into a text.
func TestHostileWordsNeverGetInWithACertificate(t *testing.T) {
	hostile := rapid.StringMatching(`[a-z'"\\;$()/#,{}<>&|\x00-\x1f\x60 =\[\]%*äß.-]{0,30}`)
	want := snippet.Certificates(kept)
	rapid.Check(t, func(t *rapid.T) {
		in := kept
		in.Names = slices.Clone(in.Names)
		for _, name := range rapid.SliceOfN(hostile, 1, 8).Draw(t, "names") {
			if !snippet.Safe(name) {
				in.Names = append(in.Names, name)
			}
		}
		for i, s := range snippet.Certificates(in) {
			if s.Text != want[i].Text || !slices.Equal(s.Notes, want[i].Notes) {
				t.Fatalf("%s with %q:\n%s", s.ID, in.Names, s.Text)
			}
		}
		path := "/" + hostile.Draw(t, "path")
		if strings.ContainsAny(path, "'\"\\;$()#,{}<>&|`\x00\n\t =[]%*äß") {
			in.Folder = path
			for _, s := range snippet.Certificates(in) {
				if !strings.HasPrefix(s.Text, "# The path") || strings.Contains(s.Text, "listener") {
					t.Fatalf("%s with %q:\n%s", s.ID, path, s.Text)
				}
			}
		}
		in.Folder, in.Root = kept.Folder, nil
		in.Fingerprint = "AA " + rapid.StringMatching(`[;'"\n$a-z]{1,9}`).Draw(t, "fingerprint")
		for _, s := range snippet.Certificates(in) {
			if strings.Contains(s.Text+strings.Join(s.Notes, ""), in.Fingerprint) {
				t.Fatalf("%s with %q:\n%s", s.ID, in.Fingerprint, s.Text)
			}
		}
	})
}
