package main

// edgeguard cert ca: the authority itself.

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert"
	"github.com/edgeguard/edgeguard/internal/cert/authority"
	"github.com/edgeguard/edgeguard/internal/cert/keys"
	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/spf13/cobra"
)

func newCertCA(o *certOptions) *cobra.Command {
	cmd := &cobra.Command{Use: "ca", Short: "Make and show the authority of the house", Args: cobra.NoArgs, RunE: needsWord}
	cmd.AddCommand(newCAInit(o), newCAShow(o), newCARenew(o))
	return cmd
}

func newCAInit(o *certOptions) *cobra.Command {
	var name, kind, offline, crlURL string
	var permits []string
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make the authority of the house",
		Long: "Init makes the authority of the house, once: every device is told of its certificate, and\n" +
			"trusts what it issues from then on. Its key stays in state_dir, under a passphrase where\n" +
			"--passphrase-file gives one. With --offline the root's key goes into FOLDER alone, for a\n" +
			"drawer, and an intermediate stays here. --permit limits it to the domains and networks of\n" +
			"the house, so that a thief of the key can forge nothing else; some old clients do not\n" +
			"understand that limit and refuse what it issues.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.load()
			if err != nil {
				return err
			}
			options := authority.Options{Name: name, Key: keys.Kind(kind), OfflineFolder: offline, CRLURL: crlURL}
			if err := checkKind(kind); err != nil {
				return err
			}
			for _, word := range permits {
				permit(&options, word)
			}
			if options.Passphrase, err = o.secretOf(cfg, cmd.InOrStdin()); err != nil {
				return err
			}
			_, err = authority.Create(caFolder(cfg), options)
			switch {
			case errors.Is(err, authority.ErrExists):
				return failed(fmt.Errorf("%w, in %s: it was left as it is, as devices that trust it would have to be told of another one", err, caFolder(cfg)))
			case err != nil:
				return failed(err)
			}
			if err := sayCA(cmd, cfg); err != nil {
				return err
			}
			return say(cmd.OutOrStdout(), afterInit(options, o.passphrase, cfg.Certificate.Mode)...)
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "the `NAME` that phones show (default \"edgeguard CA\")")
	cmd.Flags().StringVar(&kind, "key", string(keys.RSA2048), "the kind of its keys: rsa-2048 or ecdsa-p256")
	cmd.Flags().StringArrayVar(&permits, "permit", nil, "limit it to this domain and what is below it, or this network; may be given often")
	cmd.Flags().StringVar(&offline, "offline", "", "write the root's key into `FOLDER` and nowhere else")
	cmd.Flags().StringVar(&crlURL, "crl-url", "", "the http `URL` at which the list of revoked certificates is to be found")
	return cmd
}

// checkKind returns the misuse of a --key that is none.
func checkKind(kind string) error {
	for _, k := range keys.Kinds() {
		if string(k) == kind {
			return nil
		}
	}
	return misuse(fmt.Errorf("--key: there is no kind of key %q; there are rsa-2048 and ecdsa-p256", kind))
}

// permit adds a word of --permit: an address, a network, or else a domain, which
// the authority judges.
func permit(o *authority.Options, word string) {
	if prefix, err := netip.ParsePrefix(word); err == nil {
		o.PermittedAddresses = append(o.PermittedAddresses, prefix.Masked())
	} else if addr, err := netip.ParseAddr(word); err == nil {
		o.PermittedAddresses = append(o.PermittedAddresses, netip.PrefixFrom(addr, addr.BitLen()))
	} else {
		o.Permitted = append(o.Permitted, word)
	}
}

// afterInit is what to do next.
func afterInit(o authority.Options, passphraseFile string, mode cert.Mode) (lines []string) {
	lines = append(lines, "")
	if o.OfflineFolder != "" {
		lines = append(lines, fmt.Sprintf("The root's key is in %s and nowhere else: take it off this machine now, and keep it. It is needed again to renew the intermediate, with `edgeguard cert ca renew`.", o.OfflineFolder))
	} else {
		lines = append(lines, "Its key is in state_dir: have that in your backup.")
	}
	if !o.Passphrase.IsZero() && passphraseFile != "" {
		lines = append(lines, "For the daemon to use it, write passphrase_file into [certificate.own_ca].")
	}
	switch mode {
	case cert.ACME:
		return append(lines, "The broker's certificate goes on coming from the public authority, which devices know; this one is for the certificates of clients: `edgeguard cert client NAME`.")
	case cert.None:
		lines = append(lines, `For the broker's certificate to come from it, write mode = "own-ca" into [certificate].`)
	}
	return append(lines, "Tell the devices of it: the page /ca/ of the running daemon, or `edgeguard cert ca show --pem`.",
		"Certificates for clients: `edgeguard cert client NAME`.")
}

func newCAShow(o *certOptions) *cobra.Command {
	var asPEM bool
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show the authority's certificate",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, seen, err := o.read()
			if err != nil {
				return err
			}
			if asPEM {
				_, err := cmd.OutOrStdout().Write(keys.EncodeCertificates(seen.Root))
				return err
			}
			lines := describeCA(seen.Root, seen.Issuer)
			if seen.CRLURL != "" {
				lines = append(lines, "  List at   "+seen.CRLURL)
			}
			return say(cmd.OutOrStdout(), lines...)
		},
	}
	cmd.Flags().BoolVar(&asPEM, "pem", false, "print its certificate in PEM, for devices")
	return cmd
}

// sayCA says what the authority is now.
func sayCA(cmd *cobra.Command, cfg *config.Config) error {
	seen, err := authority.Read(caFolder(cfg))
	if err != nil {
		return failed(err)
	}
	return say(cmd.OutOrStdout(), describeCA(seen.Root, seen.Issuer)...)
}

// describeCA says what an authority is.
func describeCA(root, issuer *x509.Certificate) []string {
	kind, _ := keys.KindOf(root.PublicKey)
	lines := []string{
		"Authority " + plainText(root.Subject.CommonName),
		"  Valid     " + validity(root),
		"  Key       " + string(kind),
		"  SHA-256   " + colons(sha256.Sum256(root.Raw)),
	}
	var limits []string
	limits = append(limits, root.PermittedDNSDomains...)
	for _, n := range root.PermittedIPRanges {
		limits = append(limits, n.String())
	}
	if len(limits) > 0 {
		lines = append(lines, "  Limited   to "+plainText(strings.Join(limits, ", ")))
	}
	if !issuer.Equal(root) {
		lines = append(lines, "  Issues    by an intermediate, valid "+validity(issuer), "            the root's key is off line")
	}
	return lines
}

func newCARenew(o *certOptions) *cobra.Command {
	var offline string
	cmd := &cobra.Command{
		Use:   "renew",
		Short: "Renew the intermediate with the root's key from off line",
		Long: "Renew issues a new certificate for the intermediate, with the root's key of the folder that\n" +
			"`edgeguard cert ca init --offline` wrote it to, or a copy. What was issued stays good.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if info, err := os.Stat(offline); offline == "" || err != nil || !info.IsDir() {
				return misuse(errors.New("--offline: give the folder that holds the root's key"))
			}
			cfg, a, err := o.open(cmd)
			if err != nil {
				return err
			}
			passphrase, err := o.secretOf(cfg, cmd.InOrStdin())
			if err != nil {
				return err
			}
			if err := a.RenewIntermediate(offline, passphrase); err != nil {
				return failed(adviseCA(err))
			}
			return sayCA(cmd, cfg)
		},
	}
	cmd.Flags().StringVar(&offline, "offline", "", "the `FOLDER` with the root's key")
	return cmd
}

// validity says from when to when a certificate is valid.
func validity(c *x509.Certificate) string {
	text := c.NotBefore.UTC().Format(time.DateOnly) + " to " + c.NotAfter.UTC().Format(time.DateOnly)
	switch left := time.Until(c.NotAfter); {
	case left <= 0:
		return text + " (it has ended)"
	case left < 48*time.Hour:
		return text + fmt.Sprintf(" (%d hours left)", int(left.Hours()))
	default:
		return text + fmt.Sprintf(" (%d days left)", int(left.Hours()/24))
	}
}
