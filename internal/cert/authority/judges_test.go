package authority

// The judges: other people's programs that check certificates, each with a
// library of its own.

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/keys"
)

// program finds a program of others. Without it the test is skipped, unless
// EDGEGUARD_LAB=require.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		unable(t, "%s is not installed: %v", name, err)
	}
	return path
}

// unable skips a test that this machine cannot run, or fails it where that was
// asked for.
func unable(t *testing.T, format string, arguments ...any) {
	t.Helper()
	if os.Getenv("EDGEGUARD_LAB") == "require" {
		t.Fatalf(format, arguments...)
	}
	t.Skipf(format, arguments...)
}

// put writes a file of the test's own.
func put(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs a program to its end, and returns what it printed and whether it was
// content.
func run(t *testing.T, argv ...string) (string, bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", argv[0], err)
	}
	return string(out), err == nil
}

// exhibit is what a judge is shown.
type exhibit struct {
	root   *x509.Certificate
	pair   keys.Pair
	client bool   // whether it is a client's
	host   string // the name that a server is asked for; empty means its first
	crl    []byte // DER; nil means that none is looked at
}

func (e exhibit) hostname() string {
	if e.host == "" && len(e.pair.Leaf().DNSNames) > 0 {
		return e.pair.Leaf().DNSNames[0]
	}
	return e.host
}

// judge returns what a program says of e, and whether it accepts it.
type judge func(t *testing.T, e exhibit) (says string, ok bool)

var judges = map[string]judge{"openssl": openssl, "gnutls": gnutls, "nss": nss, "bearssl": bearssl, "go": golang}

func openssl(t *testing.T, e exhibit) (string, bool) {
	argv := []string{program(t, "openssl"), "verify", "-x509_strict", "-CAfile", put(t, "root.pem", keys.EncodeCertificates(e.root)), "-purpose", "sslserver"}
	if e.client {
		argv[len(argv)-1] = "sslclient"
	} else {
		argv = append(argv, "-verify_hostname", e.hostname())
	}
	if e.crl != nil {
		argv = append(argv, "-crl_check", "-CRLfile", put(t, "crl.pem", pemCRL(e.crl)))
	}
	if rest := e.pair.Chain[1:]; len(rest) > 0 {
		argv = append(argv, "-untrusted", put(t, "chain.pem", keys.EncodeCertificates(rest...)))
	}
	return run(t, append(argv, put(t, "leaf.pem", keys.EncodeCertificates(e.pair.Leaf())))...)
}

func pemCRL(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

func gnutls(t *testing.T, e exhibit) (string, bool) {
	argv := []string{program(t, "certtool"), "--verify", "--load-ca-certificate", put(t, "root.pem", keys.EncodeCertificates(e.root)),
		"--infile", put(t, "chain.pem", e.pair.FullChain())}
	if e.client {
		argv = append(argv, "--verify-purpose", "1.3.6.1.5.5.7.3.2")
	} else {
		argv = append(argv, "--verify-purpose", "1.3.6.1.5.5.7.3.1", "--verify-hostname", e.hostname())
	}
	if e.crl != nil {
		argv = append(argv, "--load-crl", put(t, "crl.pem", pemCRL(e.crl)))
	}
	return run(t, argv...)
}

func nss(t *testing.T, e exhibit) (string, bool) {
	db := "sql:" + t.TempDir()
	must := func(argv ...string) {
		t.Helper()
		if says, ok := run(t, argv...); !ok {
			t.Fatalf("%q: %s", argv, says)
		}
	}
	certutil := program(t, "certutil")
	must(certutil, "-N", "-d", db, "--empty-password")
	must(certutil, "-A", "-d", db, "-n", "root", "-t", "CT,,", "-i", put(t, "root.der", e.root.Raw))
	if e.crl != nil {
		if len(e.pair.Chain) > 1 {
			must(certutil, "-A", "-d", db, "-n", "issuer", "-t", ",,", "-i", put(t, "issuer.der", e.pair.Chain[1].Raw))
		}
		must(program(t, "crlutil"), "-I", "-d", db, "-i", put(t, "crl.der", e.crl))
	}
	argv := []string{program(t, "vfychain"), "-d", db, "-u", "1"}
	if e.client {
		argv[len(argv)-1] = "0"
	}
	for _, c := range e.pair.Chain {
		argv = append(argv, put(t, "c.der", c.Raw))
	}
	says, ok := run(t, argv...)
	return says, ok && strings.Contains(says, "Chain is good!")
}

func golang(_ *testing.T, e exhibit) (string, bool) {
	o := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), DNSName: e.hostname()}
	if e.client {
		o.DNSName, o.KeyUsages = "", []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	o.Roots.AddCert(e.root)
	for _, c := range e.pair.Chain[1:] {
		o.Intermediates.AddCert(c)
	}
	if _, err := e.pair.Leaf().Verify(o); err != nil {
		return err.Error(), false
	}
	return "", true
}

var bearFolder string

// bearClient is the client of testdata, compiled once; its error is why it
// cannot be.
var bearClient = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "edgeguard-bearssl-")
	if err != nil {
		return "", err
	}
	bearFolder = dir
	path := filepath.Join(dir, "client")
	out, err := exec.Command("cc", "-O1", "-o", path, "testdata/bearssl_client.c", "-lbearssl").CombinedOutput()
	if err != nil {
		return "", errors.New(err.Error() + ": " + string(out))
	}
	return path, nil
})

// removeBear removes what bearClient has made, if it was asked for.
func removeBear() {
	if bearFolder != "" {
		os.RemoveAll(bearFolder)
	}
}

// bearssl shakes hands with a server that has e, or as a client that has it.
func bearssl(t *testing.T, e exhibit) (string, bool) {
	t.Helper()
	client, err := bearClient()
	if err != nil {
		unable(t, "a client with BearSSL (libbearssl-dev) cannot be compiled: %v", err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate(e.pair)}}
	port, done := serve(t, config)
	says, ok := run(t, client, port, e.hostname(), put(t, "root.der", e.root.Raw))
	<-done
	return says, ok
}

func certificate(p keys.Pair) tls.Certificate {
	c := tls.Certificate{PrivateKey: p.Key, Leaf: p.Leaf()}
	for _, one := range p.Chain {
		c.Certificate = append(c.Certificate, one.Raw)
	}
	return c
}

// serve takes one TLS connection, sends a byte, and closes done with the error
// of the handshake in it.
func serve(t *testing.T, config *tls.Config) (port string, done <-chan error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		defer l.Close()
		raw, err := l.Accept()
		if err != nil {
			ended <- err
			return
		}
		defer raw.Close()
		_ = raw.SetDeadline(time.Now().Add(time.Minute))
		c := tls.Server(raw, config)
		if err = c.Handshake(); err == nil {
			_, err = c.Write(bytes.Repeat([]byte{'x'}, 1))
		}
		_ = c.Close()
		ended <- err
	}()
	t.Cleanup(func() { l.Close() })
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), ended
}
