package main

// edgeguard cert renew: the daemon is asked by a file, as its HTTP surface is
// read-only.

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert"
	"github.com/edgeguard/edgeguard/internal/durable"
	"github.com/edgeguard/edgeguard/internal/status"
	"github.com/spf13/cobra"
)

func newCertRenew(o *certOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "renew",
		Short: "Ask the running daemon to renew the certificate now",
		Long: "Renew asks the running daemon to renew the certificate now, although it is not due. It returns\n" +
			"at once; `edgeguard status` shows how it goes. Public authorities limit how often one may be\n" +
			"had: there is hardly ever a reason but a key that somebody else has seen, or a test.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.load()
			if err != nil {
				return err
			}
			if cfg.Certificate.Mode == cert.None {
				return failed(errors.New(`there is nothing to renew: mode is "none" in [certificate], so others look after the certificate`))
			}
			folder := certFolder(cfg)
			if err := os.MkdirAll(folder, 0o700); err != nil {
				return failed(err)
			}
			err = durable.WriteFile(filepath.Join(folder, renewFile), func(w io.Writer) error {
				_, err := fmt.Fprintln(w, time.Now().UTC().Format(time.RFC3339))
				return err
			})
			if err != nil {
				return failed(fmt.Errorf("asking the daemon: %w", adviseCA(err)))
			}
			if err := status.CheckHealth(cmd.Context(), statusAddress(o.options, "")); err != nil {
				return say(cmd.OutOrStdout(), "The certificate will be renewed when the daemon runs: none answers now.")
			}
			return say(cmd.OutOrStdout(), "The daemon has been asked to renew the certificate. `edgeguard status` shows how it goes.")
		},
	}
}
