package main

// edgeguard cert list, revoke and crl: what the authority has issued.

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert"
	"github.com/edgeguard/edgeguard/internal/cert/authority"
	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/spf13/cobra"
)

func newCertList(o *certOptions) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what the authority has issued",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, seen, err := o.read()
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd, append([]authority.Issued{}, seen.Issued...))
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "SERIAL\tKIND\tNAME\tENDS\tREVOKED")
			for _, c := range seen.Issued {
				revoked := "-"
				if !c.RevokedAt.IsZero() {
					revoked = c.RevokedAt.Format(time.DateOnly)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", c.Serial, c.Kind, plainText(c.Name), c.NotAfter.Format(time.DateOnly), revoked)
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON list")
	return cmd
}

// writeJSON prints v for programs.
func writeJSON(cmd *cobra.Command, v any) error {
	enc := json.NewEncoder(cmd.OutOrStdout())
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return failed(err)
	}
	return nil
}

func newCertRevoke(o *certOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "revoke NAME|SERIAL",
		Short: "Revoke a certificate that the authority has issued",
		Long: "Revoke takes back every certificate of a name, or the one with a serial number, and writes\n" +
			"the list of revoked ones anew. The broker lets such a client in until it has read that list.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, a, err := o.open(cmd)
			if err != nil {
				return err
			}
			revoked, err := a.Revoke(args[0])
			if errors.Is(err, authority.ErrUnknown) {
				return failed(fmt.Errorf("%w; `edgeguard cert list` shows what was", err))
			}
			if err != nil {
				return failed(adviseCA(err))
			}
			if len(revoked) == 0 {
				return say(cmd.OutOrStdout(), "There is nothing left to revoke: all of that name were revoked before, or have ended.")
			}
			for _, c := range revoked {
				if err := say(cmd.OutOrStdout(), fmt.Sprintf("Revoked %s of %s, serial %s.", c.Kind, plainText(c.Name), c.Serial)); err != nil {
					return err
				}
			}
			return say(cmd.OutOrStdout(), "", whenRevoked(cfg))
		},
	}
}

// whenRevoked says how the broker learns of it.
func whenRevoked(cfg *config.Config) string {
	if cfg.Certificate.Mode == cert.None {
		return "The broker has to be told: `edgeguard cert crl > crl.pem` for the file that its crlfile names, then send it SIGHUP. With a mode in [certificate] the daemon does that."
	}
	return fmt.Sprintf("Where the daemon runs, the list is in %s within a minute, and the broker reads it when it is told to reload. A client that is connected stays so until it connects again. Where the daemon does not run, write the list there with `edgeguard cert crl`, and send the broker SIGHUP.", cfg.Certificate.Deploy.Directory)
}

func newCertCRL(o *certOptions) *cobra.Command {
	var asDER bool
	cmd := &cobra.Command{
		Use:   "crl",
		Short: "Print the list of revoked certificates",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			der, err := o.crl(cmd)
			if err != nil {
				return err
			}
			if !asDER {
				der = pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
			}
			_, err = cmd.OutOrStdout().Write(der)
			return err
		},
	}
	cmd.Flags().BoolVar(&asDER, "der", false, "print it in DER, not in PEM")
	return cmd
}

// crl is the list, signed anew where that is due and the key can be used; else
// the last one, for as long as it is good.
func (o *certOptions) crl(cmd *cobra.Command) ([]byte, error) {
	_, a, err := o.open(cmd)
	if err == nil {
		der, err := a.CRL()
		if err != nil {
			return nil, failed(adviseCA(err))
		}
		return der, nil
	}
	if !errors.Is(err, authority.ErrLocked) {
		return nil, err
	}
	_, seen, readErr := o.read()
	if readErr != nil {
		return nil, readErr
	}
	list, parseErr := x509.ParseRevocationList(seen.CRL)
	if parseErr != nil || time.Now().After(list.NextUpdate) {
		return nil, err // a list that is past its end would lock everybody out
	}
	return seen.CRL, nil
}
