//go:build linux

package lab

// A broker whose certificate edgeguard keeps.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// HandedBroker returns a broker on a host that serves what edgeguard hands over in
// a file. It is not started: it could not, before there is a certificate.
func (h *Home) HandedBroker(t testing.TB, host *Host, file string) *Broker {
	t.Helper()
	b := newBroker(t, host)
	b.handed = file
	return b
}

// StartHanded waits for the file and starts the broker with it, by a program with
// its arguments before it, such as a script; may be none.
func (b *Broker) StartHanded(t testing.TB, by ...string) {
	t.Helper()
	Eventually(t, Patience, func() error {
		if _, err := os.Stat(b.handed); err != nil {
			return errors.New("edgeguard has handed over no certificate")
		}
		return nil
	})
	conf := filepath.Join(filepath.Dir(b.file), "mosquitto.conf")
	text := fmt.Sprintf("user root\nlog_dest stderr\nlog_type all\nlistener %d %s\nallow_anonymous true\ncertfile %[3]s\nkeyfile %[3]s\n",
		b.Addr.Port(), b.Addr.Addr(), b.handed)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b.Process = b.host.Start(t, "mosquitto", append(by, "/usr/sbin/mosquitto", "-c", conf)...)
	if len(by) > 0 {
		return
	}
	if err := os.WriteFile(b.PIDFile(), fmt.Appendln(nil, b.Pid()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// PIDFile is where StartHanded writes the broker's process id.
func (b *Broker) PIDFile() string { return filepath.Join(filepath.Dir(b.file), "mosquitto.pid") }
