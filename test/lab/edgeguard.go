//go:build linux

package lab

// The daemon under test.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// EdgeguardOptions say how the daemon runs. The zero value keeps a forward to
// a broker on the NAS, and no record.
type EdgeguardOptions struct {
	// Host is where the daemon runs; default the NAS.
	Host *Host
	// Broker is the service's address; default port 8883 of the NAS.
	Broker netip.AddrPort
	// Names are the service's configured names; may be nil.
	Names []string
	// CAFile is the service's ca_file; may be empty. The daemon trusts the
	// home's CA in any case, as a computer does that has it installed.
	CAFile string
	// Provider is "duckdns", "cloudflare", or empty for no DDNS. The domain is
	// the lab's name at that provider.
	Provider string
	// DDNS is a whole [[ddns]] section in place of the one that Provider makes;
	// may be empty.
	DDNS string
	// Token is the provider's secret; default the right one.
	Token string
	// Config is the whole config file in place of the one that the fields
	// above make; see EdgeguardConfig.
	Config string
	// Env is added to the daemon's environment ("NAME=value").
	Env []string
	// Args are added after "run --config FILE".
	Args []string
	// Prefix is a command that runs the daemon's, such as setpriv with its
	// options; may be nil.
	Prefix []string
}

// Daemon is edgeguard on a host of the lab, over all its restarts.
type Daemon struct {
	// ConfigFile and StateDir are its files.
	ConfigFile, StateDir string

	home *Home
	host *Host
	o    EdgeguardOptions
	runs []*Process // the last is the newest
}

// EdgeguardConfig returns the config file that the options make. A test that
// wants another one changes this text and gives it as Config.
func (h *Home) EdgeguardConfig(t testing.TB, o EdgeguardOptions) string {
	t.Helper()
	if !o.Broker.IsValid() {
		o.Broker = netip.AddrPortFrom(NASAddr, BrokerPort)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "state_dir = %q\n\n[[service]]\nname    = \"mqtt\"\naddress = %q\n", t.TempDir(), o.Broker)
	if len(o.Names) > 0 {
		fmt.Fprintf(&b, "names   = [\"%s\"]\n", strings.Join(o.Names, `", "`))
	}
	if o.CAFile != "" {
		fmt.Fprintf(&b, "ca_file = %q\n", o.CAFile)
	}
	domain, token := "", o.Token
	switch o.Provider {
	case "":
	case "duckdns":
		domain = DuckDNSName
		token = orDefault(token, DuckDNSToken)
	case "cloudflare":
		domain = CloudflareName
		token = orDefault(token, CloudflareToken)
	default:
		t.Fatalf("the lab has no provider %q", o.Provider)
	}
	if domain != "" {
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
			t.Fatalf("writing the token: %v", err)
		}
		fmt.Fprintf(&b, "\n[[ddns]]\nprovider   = %q\ndomain     = %q\ntoken_file = %q\n", o.Provider, domain, file)
	}
	if o.DDNS != "" {
		fmt.Fprintf(&b, "\n%s", o.DDNS)
	}
	fmt.Fprintf(&b, "\n[wan]\nsources = [\"igd\", %q]\n", EchoURL)
	if strings.Contains(o.DDNS, `"AAAA"`) { // unknown to builds that keep none
		fmt.Fprintf(&b, "sources_ipv6 = [%q]\n", Echo6URL)
	}
	fmt.Fprintf(&b, "\n[dns]\nupstreams = [%q]\n\n[log]\nlevel = \"debug\"\n", InternetAddr)
	return b.String()
}

func orDefault(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}

// StartEdgeguard builds the daemon, if this process has not yet, and starts
// it. It does not wait for anything. When the test ends the daemon is stopped
// as a service manager stops it, and the test fails if that takes long, or if
// the race detector found something. A failed test prints log and status.
func (h *Home) StartEdgeguard(t testing.TB, o EdgeguardOptions) *Daemon {
	t.Helper()
	if o.Host == nil {
		o.Host = h.NAS
	}
	if o.Config == "" {
		o.Config = h.EdgeguardConfig(t, o)
	}
	d := &Daemon{home: h, host: o.Host, o: o, ConfigFile: filepath.Join(t.TempDir(), "edgeguard.toml")}
	d.WriteConfig(t, o.Config)
	d.Start(t)
	t.Cleanup(func() {
		h.hold(t)
		d.end(t)
	})
	return d
}

// WriteConfig replaces the config file. It counts from the next start on.
func (d *Daemon) WriteConfig(t testing.TB, text string) {
	t.Helper()
	if err := os.WriteFile(d.ConfigFile, []byte(text), 0o600); err != nil {
		t.Fatalf("writing the daemon's config: %v", err)
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "state_dir = "); ok {
			d.StateDir = strings.Trim(value, `"`)
		}
	}
}

// Start starts the daemon again after Stop or Kill, with its old state.
func (d *Daemon) Start(t testing.TB) {
	t.Helper()
	if len(d.runs) > 0 && !d.process().Ended() {
		t.Fatal("the daemon runs already")
	}
	argv := slices.Concat(d.o.Prefix, []string{binary(t), "run", "--config", d.ConfigFile}, d.o.Args)
	d.runs = append(d.runs, d.host.startQuiet(t, "edgeguard", append(d.home.trust(), d.o.Env...), argv...))
}

// trust is the environment in which a program trusts the home's CA and no
// other: Go reads the one file, and no folder.
func (h *Home) trust() []string {
	return []string{"SSL_CERT_FILE=" + h.CA.File, "SSL_CERT_DIR=" + filepath.Join(h.dir, "no-certificates")}
}

func (d *Daemon) process() *Process { return d.runs[len(d.runs)-1] }

// Stop stops the daemon as a service manager does (SIGTERM) and returns its
// exit code. One that takes longer than Patience fails the test.
func (d *Daemon) Stop(t testing.TB) (code int) {
	t.Helper()
	code, err := d.process().Stop(Patience)
	if err != nil {
		t.Error(err)
	}
	return code
}

// Reload replaces the config file, tells the daemon so (SIGHUP), and waits until
// it has taken the new one over. The state_dir stays as it is.
func (d *Daemon) Reload(t testing.TB, text string) {
	t.Helper()
	const done = "the config has been taken over"
	before := strings.Count(d.process().Log(), done)
	state := d.StateDir
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "state_dir = ") {
			line = fmt.Sprintf("state_dir = %q\n", state)
		}
		b.WriteString(line)
	}
	d.WriteConfig(t, b.String())
	if err := d.process().Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	Eventually(t, Patience, func() error {
		if strings.Count(d.process().Log(), done) == before {
			return errors.New("the daemon has not taken the new config over")
		}
		return nil
	})
}

// Wait waits for the daemon to end by itself and returns its exit code.
func (d *Daemon) Wait(t testing.TB, patience time.Duration) (code int) {
	t.Helper()
	code, err := d.process().Wait(patience)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// Kill ends the daemon as a crash or a power cut does (SIGKILL).
func (d *Daemon) Kill() { d.process().Kill() }

// Ended reports whether the daemon has ended.
func (d *Daemon) Ended() bool { return d.process().Ended() }

// Log returns what the daemon wrote, over all its runs.
func (d *Daemon) Log() string {
	var b strings.Builder
	for _, p := range d.runs {
		b.WriteString(p.Log())
	}
	return b.String()
}

// end stops the daemon at the end of the test, and says what it knew.
func (d *Daemon) end(t testing.TB) {
	status := ""
	if t.Failed() {
		status = d.lastWords()
	}
	if !d.Ended() {
		d.Stop(t)
	}
	if strings.Contains(d.Log(), "WARNING: DATA RACE") {
		t.Error("the race detector found a data race in the daemon")
	}
	if t.Failed() {
		t.Logf("the daemon's status at the end:\n%s", status)
		for i, p := range d.runs {
			t.Logf("the daemon's log, run %d of %d:\n%s", i+1, len(d.runs), p.log.tail(64<<10))
		}
	}
}

// lastWords is the status of the running daemon, or why there is none.
func (d *Daemon) lastWords() string {
	if d.Ended() {
		return "(it has ended: " + d.process().cmd.ProcessState.String() + ")"
	}
	text, err := d.Get("/api/v1/status")
	if err != nil {
		return "(none: " + err.Error() + ")"
	}
	return string(text)
}

// Edgeguard runs a command of edgeguard on a host to its end and returns its
// exit code and what it wrote, standard output and error together. One that
// takes longer than Patience fails the test.
func (h *Home) Edgeguard(t testing.TB, host *Host, args ...string) (code int, output string) {
	t.Helper()
	program := binary(t) // which may have to be built, and that takes its time
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	cmd := host.Command(ctx, program, args...)
	cmd.Env = append(cmd.Env, h.trust()...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("running edgeguard %s: %v\n%s", strings.Join(args, " "), errors.Join(err, ctx.Err()), out)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// Run is Home.Edgeguard on the daemon's host, with its config file.
func (d *Daemon) Run(t testing.TB, args ...string) (code int, output string) {
	t.Helper()
	return d.home.Edgeguard(t, d.host, append([]string{"--config", d.ConfigFile}, args...)...)
}

// Pid is the process id of the daemon as it runs now.
func (d *Daemon) Pid() int { return d.process().Pid() }
