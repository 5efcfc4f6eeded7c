package snippet

// What clients are told.

import (
	"fmt"
	"strings"
)

func clientKinds() []certificateKind {
	return []certificateKind{
		{"mosquitto_sub", "mosquitto_sub and mosquitto_pub", "a shell", writeMosquittoSub},
		{"paho", "Python: paho-mqtt", "a script", writePaho},
		{"mqttjs", "JavaScript: MQTT.js", "a script of Node.js", writeMQTTJS},
		{"node-red", "Node-RED", "the mqtt-broker node of any mqtt in or mqtt out node, and its TLS configuration", writeNodeRED},
	}
}

// clientNote is on the files of a client, where there can be some.
func (c Certificate) clientNote() []string {
	if !c.Clients {
		return nil
	}
	return []string{"phone.crt and phone.key are those that `edgeguard cert client phone` writes; leave them out where the broker does not ask for a certificate."}
}

// caNote is on the authority's certificate, where clients must be told of it.
func (c Certificate) caNote() []string {
	if !c.OwnCA {
		return []string{"The broker's certificate is from a public authority, which the system knows already."}
	}
	return []string{fmt.Sprintf("ca.crt is the authority's certificate: %s, or `edgeguard cert ca show --pem`.", c.file("ca.crt"))}
}

func (c Certificate) notes() []string { return append(c.caNote(), c.clientNote()...) }

// systemCAs is where Debian, Alpine and their kin keep the authorities that they
// know.
const systemCAs = "/etc/ssl/certs/ca-certificates.crt"

func writeMosquittoSub(c Certificate) (string, []string) {
	line := fmt.Sprintf("mosquitto_sub -h %s -p %d", c.Names[0], c.Port)
	if c.OwnCA {
		line += " --cafile ca.crt"
	} else {
		line += " --cafile " + systemCAs
	}
	if c.Clients {
		line += " --cert phone.crt --key phone.key"
	}
	return line + " -t '#' -v\n", append(c.notes(), "Never add --insecure: it takes the check of the name away.")
}

func writePaho(c Certificate) (string, []string) {
	var b strings.Builder
	b.WriteString("import paho.mqtt.client as mqtt\n\n")
	b.WriteString("if hasattr(mqtt, \"CallbackAPIVersion\"):  # paho-mqtt 2\n    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)\nelse:\n    client = mqtt.Client()\n")
	var args []string
	if c.OwnCA {
		args = append(args, `ca_certs="ca.crt"`)
	}
	if c.Clients {
		args = append(args, `certfile="phone.crt"`, `keyfile="phone.key"`)
	}
	fmt.Fprintf(&b, "client.tls_set(%s)\nclient.connect(\"%s\", %d)\nclient.loop_forever()\n", strings.Join(args, ", "), c.Names[0], c.Port)
	return b.String(), append(c.notes(), "Never call tls_insecure_set: it takes the check of the name away.")
}

func writeMQTTJS(c Certificate) (string, []string) {
	var b strings.Builder
	if c.OwnCA || c.Clients {
		b.WriteString("const fs = require('fs')\n")
	}
	fmt.Fprintf(&b, "const mqtt = require('mqtt')\n\nconst client = mqtt.connect('mqtts://%s:%d', {\n", c.Names[0], c.Port)
	if c.OwnCA {
		b.WriteString("  ca: fs.readFileSync('ca.crt'),\n")
	}
	if c.Clients {
		b.WriteString("  cert: fs.readFileSync('phone.crt'),\n  key: fs.readFileSync('phone.key'),\n")
	}
	b.WriteString("})\n")
	return b.String(), append(c.notes(), "Never set rejectUnauthorized to false: it takes the check of the certificate away.")
}

func writeNodeRED(c Certificate) (string, []string) {
	var b strings.Builder
	fmt.Fprintf(&b, "Connection\n  Server: %s\n  Port: %d\n  Use TLS: checked\n\nTLS configuration\n  Use key and certificates from local files: not checked\n", c.Names[0], c.Port)
	if c.Clients {
		b.WriteString("  Certificate: upload phone.crt\n  Private Key: upload phone.key\n  Passphrase: empty\n")
	}
	if c.OwnCA {
		b.WriteString("  CA Certificate: upload ca.crt\n")
	} else {
		b.WriteString("  CA Certificate: empty\n")
	}
	fmt.Fprintf(&b, "  Verify server certificate: checked\n  Server Name: %s\n", c.Names[0])
	return b.String(), append(c.notes(),
		"Use TLS is called Enable secure (SSL/TLS) connection before Node-RED 2.",
		"With Verify server certificate and without a CA certificate Node-RED goes by the authorities that Node.js brings along.")
}
