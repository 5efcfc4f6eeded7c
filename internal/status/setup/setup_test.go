package setup_test

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/status/setup"
	"github.com/edgeguard/edgeguard/internal/status/texts"
)

// flat is everything that is said of one client, a line a piece.
func flat(b setup.Broker, id string) string {
	var lines []string
	for _, c := range setup.Clients(b, texts.English()) {
		if c.ID != id && id != "" {
			continue
		}
		lines = append(lines, c.Title)
		for _, s := range c.Steps {
			lines = append(lines, s.Text)
			for _, f := range s.Fields {
				lines = append(lines, f.Name+" = "+f.Value)
			}
			lines = append(lines, s.Commands...)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

func TestWhatEachClientIsTold(t *testing.T) {
	fingerprint := strings.TrimSpace(strings.Repeat("A1 ", 20))
	public := setup.Broker{Host: "myhome.example.org", Port: 18883, Trust: setup.TrustPublic, Root: "ISRG Root X1", Fingerprint: fingerprint, OldDevices: new(true)}
	own := setup.Broker{Host: "myhome.example.org", Port: 18883, Trust: setup.TrustOwn, Why: "unknown authority", OldDevices: new(false), OldDevicesWhy: "its key is not RSA"}
	unsure := setup.Broker{Host: "myhome.example.org", Port: 18883}
	for _, c := range []struct {
		broker      setup.Broker
		id          string
		with, never []string
	}{
		{public, "mosquitto", []string{"mosquitto_sub -h myhome.example.org -p 18883 --tls-use-os-certs", "mosquitto_pub -h myhome.example.org -p 18883 --tls-use-os-certs"}, []string{"--cafile"}},
		{own, "mosquitto", []string{"mosquitto_sub -h myhome.example.org -p 18883 --cafile ca.crt"}, []string{"os-certs", "--insecure"}},
		{public, "nodered", []string{"Server = myhome.example.org", "Port = 18883", "Use TLS = on", "Verify server certificate = on", "CA Certificate = empty", "Server Name = myhome.example.org"}, []string{"ca.crt"}},
		{own, "nodered", []string{"CA Certificate = the file ca.crt", "Verify server certificate = on"}, nil},
		{public, "mqttfx", []string{"Broker Address = myhome.example.org", "Broker Port = 18883", "Enable SSL/TLS = on", "Protocol = TLSv1.2", "CA signed server certificate = on"}, []string{"ca.crt"}},
		{own, "mqttfx", []string{"CA certificate file = the file ca.crt"}, []string{"CA signed server certificate"}},
		{unsure, "mqttfx", []string{"CA signed server certificate / CA certificate file = "}, nil},
		{public, "mqttexplorer", []string{"Host = myhome.example.org", "Port = 18883", "Validate certificate = on", "Encryption (tls) = on"}, []string{"SERVER CERTIFICATE (CA)"}},
		{own, "mqttexplorer", []string{"SERVER CERTIFICATE (CA) = the file ca.crt"}, nil},
		{public, "tasmota", []string{"MqttHost myhome.example.org", "MqttPort 18883", "SetOption103 1", "SetOption132 0", "SetOption132 1", "MqttFingerprint1 " + fingerprint, "the broker accepts it"}, nil},
		{own, "tasmota", []string{"SetOption132 1", "MqttFingerprint1 00 00", "its key is not RSA"}, []string{"SetOption132 0", "USE_MQTT_TLS_CA_CERT"}},
		{public, "iphone", []string{"Host = myhome.example.org", "Port = 18883", "SSL/TLS = on"}, []string{"ca.crt"}},
		{own, "iphone", []string{"ca.crt", "Certificate Trust Settings"}, nil},
		{own, "android", []string{"CA certificate", "Android 7"}, nil},
		{unsure, "android", []string{"Private DNS"}, []string{"Android 7"}},
	} {
		got := flat(c.broker, c.id)
		for _, want := range c.with {
			if !strings.Contains(got, want) {
				t.Errorf("%s with trust %d lacks %q:\n%s", c.id, c.broker.Trust, want, got)
			}
		}
		for _, bad := range c.never {
			if strings.Contains(got, bad) {
				t.Errorf("%s with trust %d says %q:\n%s", c.id, c.broker.Trust, bad, got)
			}
		}
	}
}

// TestNobodyIsToldOfAnAddressOrToLookAway holds for every client and broker.
func TestNobodyIsToldOfAnAddressOrToLookAway(t *testing.T) {
	for trust := range setup.TrustOwn + 1 {
		got := flat(setup.Broker{Host: "myhome.example.org", Port: 8883, Trust: trust}, "")
		for _, bad := range []string{"192.168", "--insecure", "certificate = off", "{"} {
			if strings.Contains(got, bad) {
				t.Errorf("with trust %d: %q", trust, bad)
			}
		}
		b := setup.Broker{Trust: trust, Root: "ISRG Root X1"}
		if text := b.CA(texts.English()); text == "" || strings.Contains(text, "{") {
			t.Errorf("with trust %d the CA file is explained as %q", trust, text)
		}
	}
}

// TestAHostNameIsOneWordForTheShell gives a real shell the commands for names
// that a certificate may carry.
func TestAHostNameIsOneWordForTheShell(t *testing.T) {
	for _, host := range []string{"myhome.example.org", "a b", "$(touch x)", "`x`", "a'b", "'; x; '", "-h", "a;b", "a|b", "ü.example", `a\b`, "*", ""} {
		line := setup.Clients(setup.Broker{Host: host, Port: 8883}, texts.English())[0].Steps[0].Commands[0]
		script := "mosquitto_sub() { printf '%s\\n' \"$@\"; }\n" + line
		out, err := exec.Command("sh", "-c", script).CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v: %s", host, err, out)
		}
		words := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
		if want := []string{"-h", host, "-p", "8883"}; len(words) < 4 || !slices.Equal(words[:4], want) {
			t.Errorf("%q becomes %s", host, fmt.Sprintf("%q", words))
		}
	}
}
