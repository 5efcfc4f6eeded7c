package main

// edgeguard check: is the config right?

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newCheck(opt *options) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Check the config and change nothing",
		Long: "Check reads the config, the token files and the CA files that it names, and prints\n" +
			"every fault as FILE:LINE: KEY: what is wrong and what would be right.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(opt, listenFlags{})
			if err != nil {
				// The surface has `check` exit 1 on a faulty config: it did its
				// work, and the answer is no.
				return failed(err)
			}
			own, _ := lanAddress(cfg) // without a network, less can be checked
			if err := refuseExposed(cfg, own); err != nil {
				return failed(err)
			}
			for _, warning := range cfg.Warnings {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning:", warning)
			}
			for _, line := range describePlaces(cfg) {
				fmt.Fprintln(cmd.OutOrStdout(), line)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "The config is good.")
			return err
		},
	}
}
