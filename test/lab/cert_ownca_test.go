//go:build linux

package lab_test

// The own CA: made beside the running daemon, and taken to the phone.

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
)

// From no authority to a phone that trusts the broker at home and in the street,
// with the one command that the status names, and no restart.
func TestOwnCAFromNothingToThePhone(t *testing.T) {
	t.Parallel()                      // it waits more than it works
	const second = "mqtt.example.org" // known from the certificate alone
	o := newOwnHome(t, fmt.Sprintf("names = [%q, %q]", lab.DuckDNSName, second))
	// Broker and watcher are there first, as after the first `docker compose up`.
	broker := o.startBroker(o.snippet("mosquitto"), "allow_anonymous true", true)
	o.within("the missing authority is told", o.says("fail unknown", "Run `edgeguard cert ca init`"))
	broker.WaitLog(t, lab.Patience, "combined.pem")
	if _, err := o.handed(); err == nil {
		t.Fatal("there is a certificate before there is an authority")
	}
	pid := o.d.Pid()
	t.Log(o.command("cert", "ca", "init", "--key", "ecdsa-p256", "--permit", lab.DuckDNSName, "--permit", "example.org"))
	o.within("the certificate is handed over", func() error { _, err := o.handed(); return err })
	for _, name := range []string{lab.DuckDNSName, second} {
		o.within(name+" is answered", o.Phone.WantA(lab.NASAddr, name, lab.NASAddr))
	}
	o.within("all links pass", o.whole)
	if o.d.Ended() || o.d.Pid() != pid {
		t.Error("the daemon is not the same any more")
	}

	for _, file := range []string{"1.pem", "1.crt", "1.mobileconfig"} {
		if err := o.works(&lab.CA{File: o.fetchRoot(file)}); err != nil {
			t.Errorf("with /ca/%s: %v", file, err)
		}
	}
	if err := o.Publish(o.Phone, lab.DuckDNSName, o.CA); err == nil {
		t.Error("a client that does not know the own CA connects")
	}
	o.wantCRL()
	o.wantPrinted()
}

// get fetches something from /ca/ on the phone.
func (o *ownHome) get(name, contentType string) []byte {
	o.t.Helper()
	answer, err := o.Phone.HTTPClient(nil).Get(fmt.Sprintf("http://%s:%d/ca/%s", lab.NASAddr, lab.StatusPort, name))
	if err != nil {
		o.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if got := answer.Header.Get("Content-Type"); err != nil || answer.StatusCode != http.StatusOK || !strings.HasPrefix(got, contentType) {
		o.t.Fatalf("/ca/%s: %s, %q, %v", name, answer.Status, got, err)
	}
	return body
}

// fetchRoot fetches the authority's certificate as a phone does, from the page's own
// link, and returns it as a PEM file for mosquitto's clients.
func (o *ownHome) fetchRoot(name string) string {
	o.t.Helper()
	if page := o.get("", "text/html"); !bytes.Contains(page, []byte(`"`+name+`"`)) && !bytes.Contains(page, []byte("/ca/"+name+`"`)) {
		o.t.Errorf("/ca/ has no link to %s:\n%s", name, page)
	}
	var der []byte
	switch filepath.Ext(name) {
	case ".crt":
		der = o.get(name, "application/x-x509-ca-cert")
	case ".pem":
		block, _ := pem.Decode(o.get(name, "application/x-pem-file"))
		if block == nil {
			o.t.Fatalf("/ca/%s is no PEM", name)
		}
		der = block.Bytes
	case ".mobileconfig":
		profile := o.get(name, "application/x-apple-aspen-config")
		data := regexp.MustCompile(`(?s)<data>(.*?)</data>`).FindSubmatch(profile)
		if data == nil || !bytes.Contains(profile, []byte("com.apple.security.root")) {
			o.t.Fatalf("it is no profile: %s", profile)
		}
		var err error
		if der, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(data[1])), "")); err != nil {
			o.t.Fatal(err)
		}
	}
	file := filepath.Join(o.t.TempDir(), "root.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		o.t.Fatal(err)
	}
	return file
}

// wantCRL wants the list of revoked certificates to be signed by the authority.
func (o *ownHome) wantCRL() {
	o.t.Helper()
	list, err := x509.ParseRevocationList(o.get("crl.der", "application/pkix-crl"))
	if err != nil {
		o.t.Fatal(err)
	}
	text, err := os.ReadFile(o.ca().File)
	block, _ := pem.Decode(text)
	if err != nil || block == nil {
		o.t.Fatalf("ca.crt: %v", err)
	}
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		o.t.Fatal(err)
	}
	if err := list.CheckSignatureFrom(root); err != nil || len(list.RevokedCertificateEntries) != 0 {
		o.t.Errorf("the list holds %d, %v", len(list.RevokedCertificateEntries), err)
	}
}

// wantPrinted wants cert show and snippets to be about this home.
func (o *ownHome) wantPrinted() {
	o.t.Helper()
	shown, text, snippets := o.shown(), o.command("cert", "show"), o.command("snippets")
	if shown.Held == nil || shown.Authority == nil || shown.Handed == nil || shown.Handed.Same == nil || !*shown.Handed.Same {
		o.t.Fatalf("cert show says %+v", shown)
	}
	leaf, err := o.served()
	if err != nil {
		o.t.Fatal(err)
	}
	if serial := fmt.Sprintf("%032x", leaf.SerialNumber); shown.Held.Serial != serial || !strings.Contains(text, serial) {
		o.t.Errorf("%s is served, cert show says:\n%s", serial, text)
	}
	for _, words := range []string{
		"certfile " + o.dir + "/combined.pem", "keyfile " + o.dir + "/combined.pem", "cafile " + o.dir + "/ca.crt",
		"mosquitto_sub -h " + lab.DuckDNSName + " -p 8883 --cafile ca.crt", "listener 8883",
	} {
		if !strings.Contains(text, words) || !strings.Contains(snippets, words) {
			o.t.Errorf("cert show or snippets lacks %q:\n%s\n%s", words, text, snippets)
		}
	}
	if strings.Contains(text+snippets, "PRIVATE KEY") {
		o.t.Error("a key is printed")
	}
}
