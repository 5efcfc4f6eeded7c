//go:build linux

package lab

// Clients of a broker whose certificate comes from an own CA, and that may ask for
// theirs: mosquitto's, those that scripts and Node-RED use, and Tasmota's TLS.

import (
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Identity is what a client brings to a broker, as paths of PEM files.
type Identity struct {
	// CA is what it verifies the broker by.
	CA string
	// Cert and Key are its own; empty for a client without any.
	Cert, Key string
}

// ClientKinds are the kinds of clients that Home.Talk knows.
func ClientKinds() []string { return []string{"mosquitto", "paho", "node"} }

// RequireClients skips the test where one of ClientKinds is not installed; with
// EDGEGUARD_LAB=require it fails.
func RequireClients(t testing.TB) {
	t.Helper()
	RequireTool(t, "node", "nodejs")
	if exec.Command("/usr/bin/python3", "-c", "import paho.mqtt.client").Run() != nil {
		missing(t, "paho.mqtt for Python (package python3-paho-mqtt)")
	}
	if exec.Command("env", "NODE_PATH=/usr/share/nodejs", "node", "-e", `require("mqtt")`).Run() != nil {
		missing(t, "mqtt for Node.js (package node-mqtt)")
	}
}

// Talk has a client of a kind, on a host, say something about the topic to the
// broker of a name. It is an error unless the broker took it, and, for others than
// mosquitto_pub, unless the client heard it.
func (h *Home) Talk(from *Host, kind, name string, id Identity, topic string) error {
	var argv []string
	port := strconv.Itoa(BrokerPort)
	switch kind {
	case "mosquitto":
		// Only MQTT 5 tells who publishes that he may not.
		argv = append([]string{"mosquitto_pub", "-V", "5", "-h", name, "-p", port, "-t", topic, "-q", "1", "-m", "mosquitto"}, id.options()...)
	case "paho":
		argv = []string{"/usr/bin/python3", "testdata/client.py", name, port, id.CA, id.Cert, id.Key, topic}
	case "node":
		argv = []string{"env", "NODE_PATH=/usr/share/nodejs", "node", "testdata/client.js", name, port, id.CA, id.Cert, id.Key, topic}
	default:
		return fmt.Errorf("the lab has no client of the kind %q", kind)
	}
	said, err := from.Try(clientLimit, argv[0], argv[1:]...)
	if err == nil && strings.Contains(said, "Not authorized") { // mosquitto_pub is content all the same
		err = fmt.Errorf("%s says: %s", kind, said)
	}
	return err
}

// options are those of mosquitto's clients.
func (id Identity) options() []string {
	list := []string{"--cafile", id.CA}
	if id.Cert != "" {
		list = append(list, "--cert", id.Cert, "--key", id.Key)
	}
	return list
}

// SubscribeAs is Subscribe for a client of an identity and for one topic.
func (h *Home) SubscribeAs(t testing.TB, from *Host, name string, id Identity, topic string) *Process {
	t.Helper()
	argv := append([]string{"stdbuf", "-oL", "mosquitto_sub", "-d", "-h", name, "-p", strconv.Itoa(BrokerPort), "-t", topic, "-q", "1"}, id.options()...)
	p := from.Start(t, "mosquitto_sub", argv...)
	p.WaitLog(t, Patience, "Subscribed (mid")
	return p
}

// BearSSL calls a broker as Tasmota does: with BearSSL, which knows the authority
// in the DER file root alone, and wants name on the certificate. It returns the
// kind of key that the broker showed, "RSA" or "EC".
func (h *Home) BearSSL(t testing.TB, from *Host, broker netip.AddrPort, name, root string) (string, error) {
	t.Helper()
	client, err := bearClient()
	if err != nil {
		missing(t, fmt.Sprintf("a client with BearSSL, package libbearssl-dev (%v)", err))
	}
	return from.Try(clientLimit, client, broker.Addr().String(), strconv.Itoa(int(broker.Port())), name, root)
}

// bearClient is the client of testdata, compiled once.
var bearClient = sync.OnceValues(func() (string, error) {
	dir, err := scratch()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "bearssl_mqtt")
	if out, err := exec.Command("cc", "-O1", "-o", path, "testdata/bearssl_mqtt.c", "-lbearssl").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})
