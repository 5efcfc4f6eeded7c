package main

// edgeguard cert client: a certificate for one client.

import (
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert/authority"
	"github.com/edgeguard/edgeguard/internal/cert/keys"
	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/snippet"
	"github.com/spf13/cobra"
)

// clientFlags are how a client wants its certificate.
type clientFlags struct {
	out, kind, password       string
	p12, pem, legacy, tasmota bool
	days                      int
}

func newCertClient(o *certOptions) *cobra.Command {
	var f clientFlags
	cmd := &cobra.Command{
		Use:   "client NAME",
		Short: "Issue a certificate for a client",
		Long: "Client issues a certificate for one client; NAME becomes its user name at a broker that goes by\n" +
			"it. NAME.crt, NAME.key and ca.crt are written; with --p12 NAME.p12 in the place of the first two,\n" +
			"for phones, under a password that is made and shown once on the terminal, or is in\n" +
			"--password-file; with --tasmota NAME.tasmota beside them, the commands for the device's console.\n" +
			"No file that is there is written over. Whoever has the key is the client: delete the files once\n" +
			"they are where they belong, and `edgeguard cert revoke NAME` when they are lost.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return issueClient(o, f, cmd, args[0]) },
	}
	cmd.Flags().StringVar(&f.out, "out", ".", "write into `FOLDER`")
	cmd.Flags().BoolVar(&f.p12, "p12", false, "write PKCS#12, as phones want it")
	cmd.Flags().BoolVar(&f.pem, "pem", false, "with --p12, write NAME.crt and NAME.key as well")
	cmd.Flags().BoolVar(&f.legacy, "legacy", false, "PKCS#12 in the old form, for phones before 2020 and for OwnTracks")
	cmd.Flags().StringVar(&f.password, "password-file", "", "the `FILE` with the password of the PKCS#12 file; - is standard input")
	cmd.Flags().StringVar(&f.kind, "key", string(keys.P256), "the kind of its key: ecdsa-p256 or rsa-2048")
	cmd.Flags().IntVar(&f.days, "days", 0, "for how many days it is valid (default 5 years)")
	cmd.Flags().BoolVar(&f.tasmota, "tasmota", false, "write the commands TLSKey1 and TLSKey2 as well")
	return cmd
}

// check returns what is wrong with the flags among themselves.
func (f clientFlags) check() error {
	const tenYears = 3652
	switch {
	case f.legacy && !f.p12:
		return misuse(errors.New("--legacy is a form of PKCS#12: give --p12 as well"))
	case f.password != "" && !f.p12:
		return misuse(errors.New("--password-file is the password of a PKCS#12 file: give --p12 as well"))
	case f.tasmota && f.kind != string(keys.P256):
		return misuse(errors.New("--tasmota: Tasmota takes a client key of the kind ecdsa-p256 only"))
	case f.days < 0 || f.days > tenYears:
		return misuse(fmt.Errorf("--days: give a number from 1 to %d", tenYears))
	}
	return checkKind(f.kind)
}

func issueClient(o *certOptions, f clientFlags, cmd *cobra.Command, name string) error {
	if err := f.check(); err != nil {
		return err
	}
	cfg, a, err := o.open(cmd)
	if err != nil {
		return err
	}
	password, tell, err := f.secret(cmd.InOrStdin())
	if err != nil {
		return err
	}
	defer tell.close()
	files, err := reserve(f.out, fileStem(name), f.endings(), keys.EncodeCertificates(a.Root()))
	if err != nil {
		return failed(err)
	}
	defer files.abandon()
	pair, err := f.issue(a, name)
	if err != nil {
		return failed(adviseCA(err))
	}
	if err := f.fill(files, pair, a, password); err != nil {
		// What nobody has must not count.
		_, revokeErr := a.Revoke(fmt.Sprintf("%032x", pair.Leaf().SerialNumber))
		return failed(errors.Join(err, revokeErr))
	}
	if err := tell.password(password); err != nil {
		return failed(err)
	}
	if err := say(cmd.OutOrStdout(), describeClient(pair, name, files.paths())...); err != nil {
		return err
	}
	shown, seen, err := lookAtCert(cfg)
	if err != nil {
		return nil // the certificate is made; `cert show` says what is wrong
	}
	return say(cmd.OutOrStdout(), "", brokerLines(snippet.Certificates(certificateInput(cfg, shown.Held, seen))))
}

// endings are those of the files that are wanted, beside ca.crt.
func (f clientFlags) endings() (list []string) {
	if !f.p12 || f.pem {
		list = append(list, ".crt", ".key")
	}
	if f.p12 {
		list = append(list, ".p12")
	}
	if f.tasmota {
		list = append(list, ".tasmota")
	}
	return list
}

func (f clientFlags) issue(a *authority.Authority, name string) (keys.Pair, error) {
	key, err := keys.Kind(f.kind).Generate()
	if err != nil {
		return keys.Pair{}, err
	}
	return a.IssueClient(authority.ClientRequest{Name: name, Lifetime: time.Duration(f.days) * 24 * time.Hour}, key)
}

// fill writes the files.
func (f clientFlags) fill(files *newFiles, pair keys.Pair, a *authority.Authority, password secret.Value) error {
	contents := map[string][]byte{".crt": pair.FullChain(), ".key": pair.PrivateKey()}
	if f.p12 {
		der, err := keys.PKCS12(pair, append(pair.Chain[1:], a.Root()), password.Reveal(), f.legacy)
		if err != nil {
			return err
		}
		contents[".p12"] = der
	}
	if f.tasmota {
		key, certificate, err := keys.TasmotaKeys(pair)
		if err != nil {
			return err
		}
		contents[".tasmota"] = []byte("TLSKey1 " + key.Reveal() + "\nTLSKey2 " + certificate + "\n")
	}
	return files.write(contents)
}

// teller shows a password on the terminal, and nowhere else. A nil one has none
// to show.
type teller struct{ terminal io.WriteCloser }

func (t *teller) password(p secret.Value) error {
	if t == nil {
		return nil
	}
	_, err := fmt.Fprintf(t.terminal, "The password of the PKCS#12 file, shown this once: %s\n", p.Reveal())
	return err
}

func (t *teller) close() {
	if t != nil {
		t.terminal.Close()
	}
}

// secret is the password of the PKCS#12 file: that of the file, or one that is
// made, which a terminal must be there to show.
func (f clientFlags) secret(stdin io.Reader) (secret.Value, *teller, error) {
	if !f.p12 {
		return secret.Value{}, nil, nil
	}
	if f.password != "" {
		v, err := readSecret(f.password, "--password-file", stdin)
		return v, nil, err
	}
	terminal, err := os.OpenFile("/dev/tty", os.O_WRONLY, 0)
	if err != nil {
		return secret.Value{}, nil, misuse(errors.New("--p12: there is no terminal here to show a password on; give one with --password-file FILE, or - for standard input"))
	}
	return secret.New(newPassword()), &teller{terminal}, nil
}

// newPassword makes a password of 80 random bits in words that can be typed on a
// phone: letters and digits that are not taken for each other.
func newPassword() string {
	var raw [10]byte
	_, _ = rand.Read(raw[:]) // it never fails
	text := base32.NewEncoding("abcdefghijkmnpqrstuvwxyz23456789").WithPadding(base32.NoPadding).EncodeToString(raw[:])
	return text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:]
}

func describeClient(pair keys.Pair, name string, paths []string) []string {
	lines := []string{fmt.Sprintf("A certificate for %s, valid %s, serial %032x:", plainText(name), validity(pair.Leaf()), pair.Leaf().SerialNumber)}
	for _, path := range paths {
		lines = append(lines, "  "+path)
	}
	return lines
}

// brokerLines are the lines with which Mosquitto asks clients for a certificate.
func brokerLines(list []snippet.Snippet) string {
	for _, s := range list {
		if s.ID == "mosquitto-clients" && !strings.HasPrefix(s.Text, "#") {
			return "Lines of mosquitto.conf with which the broker asks for it:\n\n" + strings.TrimRight(s.Text, "\n")
		}
	}
	return "For a broker that asks for it: its cafile names ca.crt, its crlfile what `edgeguard cert crl` prints, and it has require_certificate and use_identity_as_username set to true."
}
