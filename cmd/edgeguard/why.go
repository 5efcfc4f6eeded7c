package main

// edgeguard why: how the running daemon answers a name, and why.

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/status"
	"github.com/miekg/dns"
	"github.com/spf13/cobra"
)

func newWhy(opt *options) *cobra.Command {
	var address, qtype string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "why NAME",
		Short: "Ask the running daemon how a name is answered, and why",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			// Explaining may ask upstream, which may take its time to fail.
			ctx, cancel := context.WithTimeout(cmd.Context(), 3*askTimeout)
			defer cancel()
			var e dnsserver.Explanation
			raw, err := status.FetchWhy(ctx, statusAddress(opt, address), args[0], qtype, &e)
			switch {
			case raw != nil && asJSON:
				_, _ = cmd.OutOrStdout().Write(raw)
			case raw != nil && e.Rule != "":
				writeWhy(cmd.OutOrStdout(), e)
			}
			if err != nil {
				return failed(err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&qtype, "type", "A", "the record `TYPE` asked for")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the JSON of /api/v1/why as it came")
	cmd.Flags().StringVar(&address, "address", "", "ask the daemon at `ADDR` (HOST:PORT) instead of where the config says")
	return cmd
}

// writeWhy writes an explanation for a terminal.
func writeWhy(w io.Writer, e dnsserver.Explanation) {
	fmt.Fprintf(w, "%s %s: %s\n  %s\n", e.Name, e.Type, e.Rule, e.Detail)
	if e.Rcode != nil {
		fmt.Fprintf(w, "  %s\n", *e.Rcode)
	}
	for _, rr := range e.Answer {
		fmt.Fprintf(w, "  %s\n", strings.ReplaceAll(rr, "\t", " "))
	}
	if e.AgeSeconds != nil && e.TTLSeconds != nil {
		fmt.Fprintf(w, "  kept for %d s, good for %d s more\n", *e.AgeSeconds, *e.TTLSeconds)
	}
	if len(e.Servers) > 0 {
		fmt.Fprintf(w, "  servers: %s\n", strings.Join(e.Servers, ", "))
	}
	if e.SignedBy != nil {
		fmt.Fprintf(w, "  the zone %s is signed: a device that validates refuses a local answer\n", *e.SignedBy)
	}
}

// why is what /api/v1/why answers.
func (d *daemon) why(ctx context.Context, name, qtype string, client netip.Addr) (any, error) {
	code, ok := dns.StringToType[qtype]
	if !ok {
		if _, err := fmt.Sscanf(qtype, "TYPE%d", &code); err != nil {
			return nil, fmt.Errorf("%q is no record type; write it like A, AAAA, TXT or TYPE65", qtype)
		}
	}
	return d.dns.Why(ctx, name, code, client, true)
}
