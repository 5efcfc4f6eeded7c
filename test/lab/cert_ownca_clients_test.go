//go:build linux

package lab_test

// Clients with a certificate of the own CA, at a broker that wants one.

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
)

// aclLines let plug1 have its own topic alone, and the others all of them.
const aclLines = "user plug1\ntopic readwrite edgeguard/plug1\n" +
	"user phone\ntopic readwrite edgeguard/#\nuser tablet\ntopic readwrite edgeguard/#\nuser old\ntopic readwrite edgeguard/#\n"

func TestOwnCAClientsAndRevocation(t *testing.T) {
	t.Parallel() // it waits more than it works
	lab.RequireClients(t)
	o := newOwnHome(t, `key = "ecdsa-p256"`)
	o.command("cert", "ca", "init", "--key", "ecdsa-p256")
	acl := filepath.Join(o.run, "acl")
	if err := os.WriteFile(acl, []byte(aclLines), 0o600); err != nil {
		t.Fatal(err)
	}
	plug1, phone := o.client("plug1"), o.client("phone")
	// The lines are those that come with a client's certificate.
	lines := o.snippet("mosquitto-clients")
	if printed := o.command("cert", "client", "other", "--out", o.run); !strings.Contains(printed, strings.TrimSpace(lines)) {
		t.Errorf("cert client prints other lines than cert show:\n%s\n%s", printed, lines)
	}
	broker := o.startBroker(lines, "acl_file "+acl, true)
	lab.Eventually(t, lab.Patience, o.Phone.WantA(lab.NASAddr, lab.DuckDNSName, lab.NASAddr))
	o.within("all links pass", o.whole)

	for _, kind := range lab.ClientKinds() {
		if err := o.Talk(o.Phone, kind, lab.DuckDNSName, plug1, "edgeguard/plug1"); err != nil {
			t.Errorf("%s with a certificate: %v", kind, err)
		}
		if err := o.Talk(o.Phone, kind, lab.DuckDNSName, lab.Identity{CA: plug1.CA}, "edgeguard/plug1"); err == nil {
			t.Errorf("%s without a certificate is let in", kind)
		}
	}
	if log := broker.Log(); !strings.Contains(log, "u'plug1'") {
		t.Errorf("the broker knows no user plug1:\n%s", log)
	}
	if err := o.Talk(o.Phone, "mosquitto", lab.DuckDNSName, plug1, "edgeguard/phone"); err == nil {
		t.Error("plug1 may write what is phone's")
	}
	for name, flags := range map[string][]string{"tablet": {"--p12"}, "old": {"--p12", "--legacy"}} {
		if err := o.Talk(o.WAN, "mosquitto", lab.DuckDNSName, o.client(name, flags...), "edgeguard/"+name); err != nil {
			t.Errorf("%s, from the street: %v", name, err)
		}
	}
	o.wantSubLine(phone)
	o.revoked(broker, plug1, phone)
}

// client issues a certificate for a client, and returns it in PEM, whatever form it
// was issued in.
func (o *ownHome) client(name string, flags ...string) lab.Identity {
	o.t.Helper()
	out := o.t.TempDir()
	id := lab.Identity{CA: filepath.Join(out, "ca.crt"), Cert: filepath.Join(out, name+".crt"), Key: filepath.Join(out, name+".key")}
	password := filepath.Join(o.run, "password")
	if len(flags) > 0 {
		if err := os.WriteFile(password, []byte("correct-horse\n"), 0o600); err != nil {
			o.t.Fatal(err)
		}
		flags = append(flags, "--password-file", password)
	}
	o.command(append([]string{"cert", "client", name, "--out", out}, flags...)...)
	if len(flags) == 0 {
		return id
	}
	read := []string{"pkcs12", "-in", filepath.Join(out, name+".p12"), "-passin", "file:" + password, "-nodes"}
	o.NAS.Run(o.t, "openssl", append(read, "-clcerts", "-nokeys", "-out", id.Cert)...)
	o.NAS.Run(o.t, "openssl", append(read, "-nocerts", "-out", id.Key)...)
	return id
}

// wantSubLine runs the line for mosquitto_sub as it is printed.
func (o *ownHome) wantSubLine(phone lab.Identity) {
	o.t.Helper()
	line := strings.TrimSpace(o.snippet("mosquitto_sub"))
	sub := o.Phone.Start(o.t, "mosquitto_sub", "sh", "-c", "cd "+filepath.Dir(phone.CA)+" && exec stdbuf -oL "+line)
	lab.Eventually(o.t, lab.Patience, func() error {
		if err := o.Talk(o.Phone, "mosquitto", lab.DuckDNSName, phone, "edgeguard/phone"); err != nil {
			return err
		}
		if !strings.Contains(sub.Log(), "edgeguard/phone mosquitto") {
			return fmt.Errorf("%s hears nothing: %s", line, sub.Log())
		}
		return nil
	})
}

// revoked revokes plug1 beside the running daemon and broker.
func (o *ownHome) revoked(broker *lab.Process, plug1, phone lab.Identity) {
	o.t.Helper()
	const topic = "edgeguard/phone"
	live := o.SubscribeAs(o.t, o.Phone, lab.DuckDNSName, phone, topic)
	before, err := os.ReadFile(filepath.Join(o.dir, "crl.pem"))
	if err != nil {
		o.t.Fatal(err)
	}
	reloads := strings.Count(broker.Log(), "the broker reads it anew")
	o.t.Log(o.command("cert", "revoke", "plug1"))
	o.within("crl.pem is another one", func() error {
		now, err := os.ReadFile(filepath.Join(o.dir, "crl.pem"))
		if err == nil && bytes.Equal(now, before) {
			err = fmt.Errorf("it is the same")
		}
		return err
	})
	o.within("the broker has read it", func() error {
		if strings.Count(broker.Log(), "the broker reads it anew") == reloads {
			return fmt.Errorf("the watcher has not told it")
		}
		return nil
	})
	for _, kind := range lab.ClientKinds() {
		o.within(kind+" of plug1 is refused", func() error {
			if o.Talk(o.Phone, kind, lab.DuckDNSName, plug1, "edgeguard/plug1") == nil {
				return fmt.Errorf("it is let in")
			}
			return nil
		})
		if err := o.Talk(o.Phone, kind, lab.DuckDNSName, phone, topic); err != nil {
			o.t.Errorf("phone by %s, which was not revoked: %v", kind, err)
		}
	}
	if log := broker.Log(); !strings.Contains(log, "certificate verify failed") {
		o.t.Errorf("the broker does not say why:\n%s", log)
	}
	lab.Eventually(o.t, lab.Patience, func() error {
		if log := live.Log(); live.Ended() || strings.Count(log, "sending CONNECT") != 1 || !strings.Contains(log, "PUBLISH") {
			return fmt.Errorf("phone's session has not lived and heard:\n%s", log)
		}
		return nil
	})
	lab.Eventually(o.t, lab.Patience, o.whole)
}
