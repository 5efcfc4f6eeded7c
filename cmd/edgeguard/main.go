// Edgeguard makes a TLS service at home, an MQTT broker on 8883 first of all,
// reachable by the one name on its certificate, from the sofa and from the
// street.
//
// Usage:
//
//	edgeguard [--config FILE] COMMAND
//
// The commands:
//
//	run          the daemon: watch the public address, keep the DDNS records,
//	             the port forwards and the pinholes for IPv6, answer the LAN's
//	             DNS, show the chain.
//	             --dns-listen ADDR and --status-listen ADDR go before the file.
//	check        read the config, print every fault as FILE:LINE: KEY: what is
//	             wrong, and change nothing.
//	doctor       look at every link of the chain once, in words, and change
//	             nothing: it needs no daemon and disturbs none. -v for what each
//	             verdict rests on, --json for the JSON of /api/v1/status,
//	             --timeout for other than a minute. Exits 1 where a link fails;
//	             one that the timeout cuts off is not known, and is no failure.
//	status       ask the running daemon for the chain, in words; -v and --json
//	             as for doctor. Exits 1 where a link fails.
//	snippets     write the lines that give the same answers from another DNS
//	             server, a router or a hosts file, and those with which brokers
//	             and clients use the certificate; with a KIND that one alone,
//	             --list for the kinds. docs/snippets.md shows them.
//	why NAME     ask the running daemon how a name is answered, and why; --type
//	             for another record type than A, --json for the JSON.
//	notify       send a test message to every [[notify]] of the config; exits 1
//	             where one cannot be delivered.
//	cert show    show the certificate that is kept, whether it was handed over,
//	             the authority of the house, and the lines for the broker and its
//	             clients; --json for JSON. Needs no daemon and changes nothing.
//	cert renew   ask the running daemon to renew the certificate now, by the file
//	             cert/renew in state_dir.
//	cert ca init make the authority of the house: --name NAME, --key rsa-2048 or
//	             ecdsa-p256, --permit DOMAIN or PREFIX (may be given often) to
//	             limit it, --offline FOLDER to keep the root's key elsewhere,
//	             --crl-url URL. Never makes a second one.
//	cert ca show show its certificate; --pem for the certificate itself.
//	cert ca renew
//	             renew the intermediate with the root's key of --offline FOLDER.
//	cert client NAME
//	             issue a certificate for a client into --out FOLDER: NAME.crt,
//	             NAME.key and ca.crt, or with --p12 NAME.p12 (--legacy for old
//	             phones, --password-file FILE, --pem for the others as well);
//	             --key, --days, --tasmota for the device's commands. Writes over
//	             no file. A password that it makes is shown on the terminal once.
//	cert list    list what the authority has issued; --json for JSON.
//	cert revoke NAME|SERIAL
//	             revoke what it has issued for a name, or one certificate.
//	cert crl     print the list of revoked certificates; --der for DER.
//	             All of cert take --passphrase-file FILE, where the authority's
//	             key has a passphrase and the config does not name the file.
//	healthcheck  ask the running daemon whether it lives; for containers.
//	version      print the version.
//
// The config is a TOML file, /etc/edgeguard/edgeguard.toml unless --config or
// $EDGEGUARD_CONFIG names another; docs/configuration.md is its reference.
// Where there is no file, the environment alone may hold the minimal set:
// EDGEGUARD_SERVICE_ADDRESS, EDGEGUARD_DDNS_PROVIDER, EDGEGUARD_DDNS_DOMAIN,
// and EDGEGUARD_DDNS_TOKEN or EDGEGUARD_DDNS_TOKEN_FILE; in a container on a
// bridge EDGEGUARD_LAN_ROUTER, EDGEGUARD_LAN_ADDRESS and
// EDGEGUARD_WAN_EVENT_PORT as well. EDGEGUARD_CERTIFICATE_MODE and
// EDGEGUARD_CERTIFICATE_EMAIL have a certificate obtained. A command of
// [certificate] reload_command gets the folder as EDGEGUARD_CERT_DIR.
//
// Exit codes: 0 good; 1 failed (a link of the chain, or the daemon could not
// start); 2 wrong usage or config.
//
// What must outlive a restart is in the folder state_dir, /data unless the
// config says otherwise: what was published (ddns.json), what was made on which
// router (portmap.json, pinholes.json), the names that certificates gave
// (names.json), where services were found (located.json), messages that wait
// (notify.json), what changed lately (history.json), the cache (dns-cache), and
// in cert/ the certificate: with its key (current.pem), the key of an order under
// way (next.key), when to renew it and what the broker was told (state.json), the
// accounts and orders at public CAs (acme/), the authority of the house (ca/, and
// without its key own-ca.pem), a forward of port 80 that may stand (port80.json),
// and the wish of cert renew (renew). What the broker reads is in broker/, unless
// [certificate] directory says otherwise.
//
// The daemon logs to standard error. On SIGHUP, and when the config file has
// changed, it takes the config over. On SIGTERM and SIGINT it takes what it made
// off the router, answers what is under way, and ends with code 0.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "dev"

// The exit codes of the surface.
const (
	exitGood   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run runs the command that args name and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitGood
	}
	var coded *codedError
	if !errors.As(err, &coded) {
		// Only cobra's own complaints about the command line come uncoded.
		coded = &codedError{code: exitUsage, err: err}
	}
	if text := coded.Error(); text != "" {
		fmt.Fprintln(stderr, text)
	}
	return coded.code
}

// codedError carries the exit code with the words for the user; with no words
// the command has said everything already.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *codedError) Unwrap() error { return e.err }

func failed(err error) error { return &codedError{exitFailed, err} }
func misuse(err error) error { return &codedError{exitUsage, err} }

// options are the flags that every command has.
type options struct {
	config string // path; empty means $EDGEGUARD_CONFIG, then the default
}

func newRoot() *cobra.Command {
	var opt options
	root := &cobra.Command{
		Use:           "edgeguard",
		Short:         "One name for a TLS service at home, from the sofa and from the street",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return misuse(errors.New(cmd.UsageString() + "\nname a command; `edgeguard run` is the daemon"))
		},
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.PersistentFlags().StringVar(&opt.config, "config", "", "the config `FILE` (default $EDGEGUARD_CONFIG, then /etc/edgeguard/edgeguard.toml)")
	root.AddCommand(newRun(&opt), newCheck(&opt), newDoctor(&opt), newStatus(&opt), newSnippets(&opt), newWhy(&opt), newNotify(&opt), newCert(&opt), newHealthcheck(&opt), newVersion())
	return root
}
