package main

// edgeguard notify: do messages arrive?

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/notify"
	"github.com/spf13/cobra"
)

// tellTimeout bounds the whole command.
const tellTimeout = 60 * time.Second

func newNotify(opt *options) *cobra.Command {
	return &cobra.Command{
		Use:   "notify",
		Short: "Send a test message to every [[notify]]",
		Long: "Notify sends a test message to every [[notify]] of the config, whatever events it\n" +
			"is for, and says what became of each. It needs no running daemon.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(opt, listenFlags{})
			if err != nil {
				return err
			}
			if len(cfg.Notify.Targets) == 0 {
				return failed(errors.New("there is no [[notify]] in the config, so nobody is told of anything"))
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), tellTimeout)
			defer cancel()
			results, err := sendTest(ctx, cfg)
			if err != nil {
				return failed(err)
			}
			bad := 0
			for _, r := range results {
				if r.Err != nil {
					bad++
					fmt.Fprintf(cmd.ErrOrStderr(), "%s: not delivered: %v\n", r.Target, r.Err)
					continue
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: delivered to %s\n", r.Target, r.Service)
			}
			if bad > 0 {
				return failed(fmt.Errorf("%d of %d messages could not be delivered", bad, len(results)))
			}
			return nil
		},
	}
}

// sendTest sends the test messages as the daemon would: hosts are found through
// the config's upstreams.
func sendTest(ctx context.Context, cfg *config.Config) ([]notify.TestResult, error) {
	d := &daemon{log: slog.New(slog.DiscardHandler)}
	c := &concerns{cfg: cfg}
	if err := d.makeUpstream(c, &concerns{cfg: &config.Config{}}); err != nil {
		return nil, err
	}
	d.now.Store(c)
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- c.upstream.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	to := cfg.Notify
	to.Dial = d.dial
	return notify.SendTest(ctx, to)
}
