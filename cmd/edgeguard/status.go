package main

// edgeguard status and edgeguard healthcheck: ask the running daemon.

import (
	"context"
	"os"
	"time"

	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/status"
	"github.com/spf13/cobra"
)

// askTimeout bounds one question to the daemon; less than the container
// engine's own limit on a health check, so that the reason is heard.
const askTimeout = 4 * time.Second

// defaultStatusAddress is where the daemon listens unless the config says
// otherwise.
const defaultStatusAddress = "127.0.0.1:8053"

func newStatus(opt *options) *cobra.Command {
	var address string
	var asJSON, verbose bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Ask the running daemon how the chain is",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), askTimeout)
			defer cancel()
			snapshot, raw, err := status.Fetch(ctx, statusAddress(opt, address))
			if err != nil {
				return failed(err)
			}
			if asJSON {
				_, err = cmd.OutOrStdout().Write(raw)
			} else {
				err = status.WriteText(cmd.OutOrStdout(), snapshot, textOptions(cmd.OutOrStdout(), verbose))
			}
			if err != nil {
				return failed(err)
			}
			if snapshot.Status == fact.VerdictFail {
				return &codedError{code: exitFailed}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the JSON of /api/v1/status as it came")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "print what each verdict rests on as well")
	cmd.Flags().StringVar(&address, "address", "", "ask the daemon at `ADDR` (HOST:PORT) instead of where the config says")
	return cmd
}

func newHealthcheck(opt *options) *cobra.Command {
	var address string
	cmd := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask the running daemon whether it lives",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), askTimeout)
			defer cancel()
			if err := status.CheckHealth(ctx, statusAddress(opt, address)); err != nil {
				return failed(err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&address, "address", "", "ask the daemon at `ADDR` (HOST:PORT) instead of where the config says")
	return cmd
}

// statusAddress is where the daemon is asked: the flag, else what the config
// says, else the default. A config that cannot be read is no reason not to
// ask: a daemon may be running on an older one.
func statusAddress(opt *options, flag string) string {
	if flag != "" {
		return flag
	}
	cfg, err := config.Load(opt.config, os.LookupEnv)
	if err != nil {
		return defaultStatusAddress
	}
	own, err := lanAddress(cfg)
	if err != nil && cfg.Status.Listen.LAN {
		return defaultStatusAddress
	}
	return cfg.Status.Listen.Resolve(own).String()
}
