package snippet

// What Tasmota is built with and told.

import (
	"fmt"
	"strings"
)

func tasmotaKinds() []certificateKind {
	return []certificateKind{
		{"tasmota-build", "Tasmota: what to build it with", "tasmota/user_config_override.h", writeTasmotaBuild},
		{"tasmota-ca", "Tasmota: the authority of the house", "tasmota/include/local_ca_data.h and local_ca_descriptor.h, divided at the line that names the second", writeTasmotaCA},
		{"tasmota", "Tasmota: what to tell it", "the console on the device's page", writeTasmota},
	}
}

func writeTasmotaBuild(c Certificate) (string, []string) {
	var b strings.Builder
	define := func(name, why string) { fmt.Fprintf(&b, "#undef %s\n#define %s  // %s\n", name, name, why) }
	define("USE_MQTT_TLS", "TLS at all")
	define("USE_MQTT_TLS_CA_CERT", "check the authority; always so since 10.0.0.4")
	notes := []string{"Stock tasmota32 has TLS built in; for an ESP8266 it has to be built with these lines."}
	if c.Clients {
		define("USE_MQTT_AWS_IOT", "the commands TLSKey1 and TLSKey2; nothing of Amazon's is needed")
		notes = append(notes, "USE_MQTT_AWS_IOT is what client certificates need, and stock builds have it not.")
	}
	if c.OwnCA && c.Root != nil {
		define("INCLUDE_LOCAL_CERT", "the authority of the house, see tasmota-ca")
		define("OMIT_AWS_CERT", "")
		notes = append(notes, "Without INCLUDE_LOCAL_CERT the device knows your broker by its fingerprint alone.")
	}
	return strings.ReplaceAll(b.String(), "  // \n", "\n"), notes
}

func writeTasmotaCA(c Certificate) (string, []string) {
	switch {
	case !c.OwnCA:
		return "# The broker's certificate is from a public authority: Tasmota knows those of Let's Encrypt.", nil
	case c.Root == nil:
		return "# Tasmota can be built with an RSA authority only, and there is none here: know the broker by its fingerprint instead.", nil
	}
	var b strings.Builder
	b.WriteString("// local_ca_data.h\n")
	array(&b, "TA0_DN", c.Root.Subject)
	array(&b, "TA0_RSA_N", c.Root.Modulus)
	array(&b, "TA0_RSA_E", c.Root.Exponent)
	b.WriteString(`
// local_ca_descriptor.h
	{
		{ (unsigned char *)TA0_DN, sizeof TA0_DN },
		BR_X509_TA_CA,
		{
			BR_KEYTYPE_RSA,
			{ .rsa = {
				(unsigned char *)TA0_RSA_N, sizeof TA0_RSA_N,
				(unsigned char *)TA0_RSA_E, sizeof TA0_RSA_E,
			} }
		}
	}
`)
	return b.String(), []string{"It goes with INCLUDE_LOCAL_CERT of the snippet tasmota-build. Another authority means another build."}
}

// array writes bytes as C has them.
func array(b *strings.Builder, name string, content []byte) {
	fmt.Fprintf(b, "static const unsigned char PROGMEM %s[] = {", name)
	for i, one := range content {
		if i%12 == 0 {
			b.WriteString("\n\t")
		} else {
			b.WriteByte(' ')
		}
		fmt.Fprintf(b, "0x%02X,", one)
	}
	b.WriteString("\n};\n")
}

func writeTasmota(c Certificate) (string, []string) {
	words := []string{fmt.Sprintf("MqttHost %s", c.Names[0]), fmt.Sprintf("MqttPort %d", c.Port)}
	notes := []string{"SetOption103 switches TLS on. SetOption132 0 has the device check the authority, SetOption132 1 the key's fingerprint."}
	byFingerprint := c.OwnCA && c.Root == nil
	switch {
	case byFingerprint && c.Fingerprint == "":
		return "# Tasmota cannot check this certificate: it knows the fingerprint of RSA keys only, and no authority but an RSA one. Write key = \"rsa-2048\" into [certificate].", nil
	case byFingerprint:
		words = append(words, "SetOption132 1", "MqttFingerprint1 "+c.Fingerprint)
	default:
		words = append(words, "SetOption132 0")
	}
	if !byFingerprint && c.Fingerprint != "" {
		notes = append(notes, fmt.Sprintf("A build without the authority takes SetOption132 1 and MqttFingerprint1 %s instead.", c.Fingerprint))
	}
	if c.Fingerprint != "" {
		notes = append(notes, "The fingerprint is that of the key: it stays the same over renewals while new_key is false in [certificate].")
	}
	if !c.RSA {
		notes = append(notes, "The key is ECDSA, which Tasmota knows since October 2025 (SetOption165 1), and an ESP8266 not with each build: key = \"rsa-2048\" is understood by all.")
	}
	if c.Clients {
		notes = append(notes, "`edgeguard cert client NAME --tasmota` writes the commands TLSKey1 and TLSKey2 for a client certificate.")
	}
	return "Backlog " + strings.Join(append(words, "SetOption103 1"), "; ") + "\n", notes
}
