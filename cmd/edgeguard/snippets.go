package main

// edgeguard snippets: the same answer from the DNS server that a person has.

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/dnsserver/zone"
	"github.com/edgeguard/edgeguard/internal/lan"
	"github.com/edgeguard/edgeguard/internal/snippet"
	"github.com/edgeguard/edgeguard/internal/status"
	"github.com/spf13/cobra"
)

func newSnippets(opt *options) *cobra.Command {
	var list bool
	cmd := &cobra.Command{
		Use:   "snippets [KIND]",
		Short: "Write the same answers for the DNS server, router or device you have",
		Long: "Snippets writes the lines that give the same answers as edgeguard's DNS server from another\n" +
			"one (dnsmasq, Pi-hole, AdGuard Home, unbound, BIND, a router's), from a hosts file, or by the\n" +
			"router's NAT loopback; and where edgeguard keeps the certificate, the lines with which the broker\n" +
			"and its clients use it. With a KIND it writes that one alone, ready to be pasted; what to know\n" +
			"of it goes to standard error.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if list {
				return listSnippets(cmd.OutOrStdout())
			}
			if ids := append(snippet.IDs(), snippet.CertificateIDs()...); len(args) > 0 && !slices.Contains(ids, args[0]) {
				return misuse(fmt.Errorf("there is no snippet %q; there are %s", args[0], strings.Join(ids, ", ")))
			}
			cfg, err := loadConfig(opt, listenFlags{})
			if err != nil {
				return err
			}
			all := append(snippet.All(snippetInput(cmd.Context(), cfg, statusAddress(opt, ""))), keptSnippets(cfg)...)
			if len(args) == 0 {
				return writeSnippets(cmd.OutOrStdout(), all)
			}
			at := slices.IndexFunc(all, func(s snippet.Snippet) bool { return s.ID == args[0] })
			if at < 0 {
				return failed(fmt.Errorf("%s is about a certificate that edgeguard keeps, and mode is \"none\" in [certificate]", args[0]))
			}
			one := all[at]
			fmt.Fprintf(cmd.ErrOrStderr(), "For: %s\n", one.Where)
			for _, note := range one.Notes {
				fmt.Fprintln(cmd.ErrOrStderr(), note)
			}
			_, err = io.WriteString(cmd.OutOrStdout(), one.Text)
			return err
		},
	}
	cmd.Flags().BoolVar(&list, "list", false, "list the kinds")
	return cmd
}

func listSnippets(w io.Writer) error {
	for _, s := range append(snippet.All(snippet.Input{}), snippet.Certificates(snippet.Certificate{})...) {
		if _, err := fmt.Fprintf(w, "%-20s %s\n", s.ID, s.Title); err != nil {
			return err
		}
	}
	return nil
}

func writeSnippets(w io.Writer, all []snippet.Snippet) error {
	var b strings.Builder
	for i, s := range all {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "=== %s: %s\n    %s\n\n%s", s.ID, s.Title, s.Where, s.Text)
		if len(s.Notes) > 0 {
			b.WriteByte('\n')
		}
		for _, note := range s.Notes {
			fmt.Fprintf(&b, "    - %s\n", note)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// snippetInput is what the config says, and what the daemon at address has
// learned beside it, where one answers.
func snippetInput(ctx context.Context, cfg *config.Config, address string) snippet.Input {
	own, _ := lanAddress(cfg)
	names, err := localNames(cfg, addressesOf(cfg.Services), nil)
	if err != nil {
		names = nil // the config has been checked: there is nothing to fail
	}
	in := snippetsOf(cfg, names, resolveAll(cfg.DNSListen, own), own)
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if snapshot, _, err := status.Fetch(ctx, address); err == nil {
		in.Names = append(in.Names, learnedBeside(in.Names, snapshot.DNS.Overrides, cfg.Records)...)
	}
	return in
}

// snippets are those of the names that are answered now.
func (d *daemon) snippets() []snippet.Snippet {
	cfg, local := d.now.Load().cfg, d.zone.Load()
	own := d.ownAddress()
	if !own.IsValid() {
		own, _ = lanAddress(cfg)
	}
	return append(snippet.All(snippetsOf(cfg, unshadowed(local), resolveAll(cfg.DNSListen, own), own)), keptSnippets(cfg)...)
}

// learnedBeside are those overrides of a daemon that are neither among names nor
// answered by a record of the user's.
func learnedBeside(names []snippet.Name, overrides []status.Override, records []zone.Record) (list []snippet.Name) {
	for _, o := range overrides {
		known := slices.ContainsFunc(names, func(n snippet.Name) bool { return n.Name == o.Name }) ||
			slices.ContainsFunc(records, func(r zone.Record) bool { return r.Name == o.Name })
		if !known {
			list = append(list, snippet.Name{Name: o.Name, V4: o.IPv4, V6: o.IPv6})
		}
	}
	return list
}

// snippetsOf is what the snippets of cfg are made of, given the names that are
// answered, where the DNS server listens and our own address in the LAN.
func snippetsOf(cfg *config.Config, names []zone.Override, listen []netip.AddrPort, own netip.Addr) snippet.Input {
	var in snippet.Input
	for _, o := range names {
		in.Names = append(in.Names, snippet.Name{Name: o.Name, V4: o.V4, V6: o.V6})
	}
	for _, s := range cfg.Services {
		if !s.Remote { // no router of the home leads there
			in.Services = append(in.Services, snippet.Service{Name: s.Name, Address: s.Address, ExternalPort: s.ExternalPort})
		}
	}
	for _, at := range dnsserver.Reachable(listen, own) {
		if !in.DNS.IsValid() && !at.Addr().IsLoopback() && at.Port() == 53 {
			in.DNS = at.Addr()
		}
	}
	for _, p := range lan.OwnPrefixes() {
		if own.Is4() && p.Contains(own) {
			in.LAN = p
		}
	}
	return in
}
