package snippet_test

// The authority as Tasmota is built with it, judged by BearSSL.

import (
	"crypto/rsa"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/cert/authority"
	"github.com/edgeguard/edgeguard/internal/cert/keys"
	"github.com/edgeguard/edgeguard/internal/snippet"
)

func TestBearSSLTrustsTheAuthorityOfTheText(t *testing.T) {
	cc := program(t, "cc")
	if _, err := os.Stat("/usr/include/bearssl.h"); err != nil {
		if os.Getenv("EDGEGUARD_LAB") == "require" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	folder := t.TempDir()
	ca, err := authority.Create(filepath.Join(folder, "ca"), authority.Options{})
	if err != nil {
		t.Fatal(err)
	}
	other, err := authority.Create(filepath.Join(folder, "other"), authority.Options{Key: keys.P256})
	if err != nil {
		t.Fatal(err)
	}
	public := ca.Root().PublicKey.(*rsa.PublicKey)
	c := kept
	c.Root = &snippet.Anchor{Subject: ca.Root().RawSubject, Modulus: public.N.Bytes(), Exponent: big.NewInt(int64(public.E)).Bytes()}
	data, descriptor, ok := strings.Cut(certificateText(t, "tasmota-ca", c), "// local_ca_descriptor.h\n")
	if !ok {
		t.Fatal("the text names no second file")
	}
	write(t, filepath.Join(folder, "local_ca_data.h"), data)
	write(t, filepath.Join(folder, "local_ca_descriptor.h"), descriptor)
	judge := filepath.Join(folder, "judge")
	if out, err := exec.Command(cc, "-Wall", "-Werror", "-I", folder, "-o", judge, "testdata/anchor.c", "-lbearssl").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, of := range map[string]*authority.Authority{"leaf": ca, "stranger": other} {
		pair, err := of.IssueServer(authority.ServerRequest{Names: []string{"mqtt.example.org"}}, p256(t))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(folder, name), string(pair.Leaf().Raw))
	}
	run := func(name, file string) bool {
		return exec.Command(judge, name, filepath.Join(folder, file)).Run() == nil
	}
	if !run("mqtt.example.org", "leaf") {
		t.Error("BearSSL does not trust what the authority has issued")
	}
	if run("mqtt.example.org", "stranger") || run("other.example.org", "leaf") {
		t.Error("BearSSL trusts whom it should not")
	}
}
