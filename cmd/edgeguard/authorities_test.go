package main

// Phones are offered what the config verifies services against, and no key.

import (
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestAuthoritiesOfTheConfig(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	cert := server.Certificate()
	file := filepath.Join(t.TempDir(), "ca.crt")
	text := slices.Concat(
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("a key that somebody left here")}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	service := func(name, host string) string {
		return fmt.Sprintf("[[service]]\nname = %q\naddress = %q\nremote = true\nca_file = %q\n", name, host, file)
	}
	d, err := newDaemon(loaded(t, service("cloud", "broker.example.net:8883")+service("web", "www.example.net:443")), netip.MustParseAddr("192.168.1.2"), quietLog(t), &secretList{})
	if err != nil {
		t.Fatal(err)
	}
	if list := d.authorities(); len(list) != 1 || list[0].Service != "cloud, web" || !list[0].Certificate.Equal(cert) {
		t.Errorf("offered are %+v", list)
	}
}
