package main

// edgeguard cert: the certificate that is kept, and the authority of the house.
// What its sub-commands share.

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/edgeguard/edgeguard/internal/cert/authority"
	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/durable"
	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/tidy"
	"github.com/spf13/cobra"
)

const (
	// maxSecretFile bounds a file that holds a passphrase, in bytes.
	maxSecretFile = 4 << 10
	// maxPairFile bounds a file that holds a chain and a key, in bytes.
	maxPairFile = 256 << 10
)

// certOptions are the flags that every command below cert has.
type certOptions struct {
	*options
	passphrase string        // path; empty means what the config says
	known      *secret.Value // what it holds, once it was read: standard input is read but once
}

func newCert(opt *options) *cobra.Command {
	o := &certOptions{options: opt}
	cmd := &cobra.Command{
		Use:   "cert",
		Short: "The certificate that is kept, and the authority of the house",
		Long: "Cert shows the certificate that edgeguard keeps, and keeps an authority of the house: made\n" +
			"once, it issues the broker's certificate (mode = \"own-ca\") and those of clients. All of it works\n" +
			"beside a running daemon and without one.",
		Args: cobra.NoArgs,
		RunE: needsWord,
	}
	cmd.PersistentFlags().StringVar(&o.passphrase, "passphrase-file", "", "the `FILE` with the passphrase of the authority's key (default: passphrase_file of [certificate.own_ca]); - is standard input")
	cmd.AddCommand(newCertShow(o), newCertCA(o), newCertClient(o), newCertList(o), newCertRevoke(o), newCertCRL(o), newCertRenew(o))
	return cmd
}

// needsWord is what a command does that is only there for those below it.
func needsWord(cmd *cobra.Command, _ []string) error {
	return misuse(errors.New(cmd.UsageString() + "\nname one of the commands"))
}

// load reads the config.
func (o *certOptions) load() (*config.Config, error) { return loadConfig(o.options, listenFlags{}) }

// certFolder is where the certificate's own state is, in every mode.
func certFolder(cfg *config.Config) string { return filepath.Join(cfg.StateDir, "cert") }

// caFolder is where the authority is.
func caFolder(cfg *config.Config) string { return filepath.Join(certFolder(cfg), ownCAName) }

// secretOf is the passphrase of the authority's key: from the flag's file, or
// else from the config's, or else none.
func (o *certOptions) secretOf(cfg *config.Config, stdin io.Reader) (secret.Value, error) {
	path, from := o.passphrase, "--passphrase-file"
	if path == "" {
		path, from = cfg.Certificate.PassphraseFile, "passphrase_file of [certificate.own_ca]"
	}
	if path == "" || o.known != nil {
		return valueOf(o.known), nil
	}
	v, err := readSecret(path, from, stdin)
	if err == nil {
		o.known = &v
	}
	return v, err
}

func valueOf(v *secret.Value) secret.Value {
	if v == nil {
		return secret.Value{}
	}
	return *v
}

// readSecret reads a secret from a file, or from stdin where its path is "-".
func readSecret(path, from string, stdin io.Reader) (secret.Value, error) {
	var text []byte
	var err error
	if path == "-" {
		text, err = io.ReadAll(io.LimitReader(stdin, maxSecretFile+1))
		if err == nil && len(text) > maxSecretFile {
			err = durable.ErrTooLarge
		}
	} else {
		text, err = durable.ReadFile(path, maxSecretFile)
	}
	if err != nil {
		return secret.Value{}, misuse(fmt.Errorf("%s: %w", from, err))
	}
	v := secret.New(string(text))
	if v.IsZero() {
		return secret.Value{}, misuse(fmt.Errorf("%s: the file is empty", from))
	}
	return v, nil
}

// open opens the authority, so that it can issue and revoke.
func (o *certOptions) open(cmd *cobra.Command) (*config.Config, *authority.Authority, error) {
	cfg, err := o.load()
	if err != nil {
		return nil, nil, err
	}
	passphrase, err := o.secretOf(cfg, cmd.InOrStdin())
	if err != nil {
		return nil, nil, err
	}
	a, err := authority.Open(caFolder(cfg), passphrase)
	if err != nil {
		return nil, nil, failed(adviseCA(err))
	}
	return cfg, a, nil
}

// read looks at the authority without its key.
func (o *certOptions) read() (*config.Config, authority.Overview, error) {
	cfg, err := o.load()
	if err != nil {
		return nil, authority.Overview{}, err
	}
	seen, err := authority.Read(caFolder(cfg))
	if err != nil {
		return cfg, seen, failed(adviseCA(err))
	}
	return cfg, seen, nil
}

// adviseCA adds to an error of the authority what a person can do.
func adviseCA(err error) error {
	switch {
	case errors.Is(err, authority.ErrNone):
		return fmt.Errorf("%w; `edgeguard cert ca init` makes it", err)
	case errors.Is(err, authority.ErrLocked):
		return fmt.Errorf("%w; give the file that holds it with --passphrase-file, or as passphrase_file of [certificate.own_ca]", err)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%w; run this as the user that the daemon runs as", err)
	}
	return err
}

// plainText is a text from a certificate or a command line, for a terminal.
func plainText(text string) string { return tidy.Line(text, 200) }

// colons is a hash as certificates' hashes are usually shown.
func colons(sum [sha256.Size]byte) string {
	return strings.ReplaceAll(fmt.Sprintf("% X", sum), " ", ":")
}

// say prints lines, and returns as the command's error what kept it from that.
func say(w io.Writer, lines ...string) error {
	for _, line := range lines {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return failed(err)
		}
	}
	return nil
}
