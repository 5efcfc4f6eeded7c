//go:build linux

package lab

// One host of the lab, and what can be run on it.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Host is one machine of the lab: a network namespace.
type Host struct {
	// Name is what the host is called in the lab: "wan", "router", "nas",
	// "pi" or "phone".
	Name string
	// Addr is the host's own address; the router's is the one in the LAN.
	Addr netip.Addr

	ns   string // the namespace's name
	home *Home
}

// Namespace is the name to give to ip netns exec.
func (h *Host) Namespace() string { return h.ns }

// Command returns a command that runs on the host, with the lab's resolver
// and an environment that holds nothing of the developer's. It is killed when
// ctx ends.
func (h *Host) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", h.ns, name}, args...)...)
	cmd.Env = baseEnv()
	cmd.WaitDelay = time.Second
	return cmd
}

// Run runs a command on the host and returns what it wrote. It fails the test
// if the command fails or takes longer than Patience.
func (h *Host) Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := h.Try(Patience, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Try runs a command on the host and returns what it wrote, standard output
// and error together. The error holds the output too.
func (h *Host) Try(limit time.Duration, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	out, err := h.Command(ctx, name, args...).CombinedOutput()
	if err == nil {
		return string(out), nil
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("not finished within %v", limit)
	}
	return string(out), fmt.Errorf("running %q in %s: %w\n%s",
		name+" "+strings.Join(args, " "), h.Name, err, out)
}

// ip runs the ip command on the host's namespace. The arguments are words
// with single spaces between them.
func (h *Host) ip(command string) error {
	args := append([]string{"-n", h.ns}, strings.Fields(command)...)
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// ips runs several ip commands up to the first that fails.
func (h *Host) ips(commands ...string) error {
	for _, c := range commands {
		if err := h.ip(c); err != nil {
			return err
		}
	}
	return nil
}

// ipBatch is ips in one process, so that next to no time passes between them.
func (h *Host) ipBatch(commands ...string) error {
	cmd := exec.Command("ip", "-n", h.ns, "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip %q in %s: %w: %s", commands, h.Name, err, out)
	}
	return nil
}

// create makes the namespace, its loopback, and the resolver configuration
// that ip netns exec shows to what runs in it.
func (h *Host) create(resolver netip.Addr) error {
	if out, err := exec.Command("ip", "netns", "add", h.ns).CombinedOutput(); err != nil {
		return fmt.Errorf("making the namespace %s: %w: %s", h.ns, err, out)
	}
	dir := filepath.Join(confDir, h.ns)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making the configuration of %s: %w", h.ns, err)
	}
	err := errors.Join(
		os.WriteFile(filepath.Join(dir, "resolv.conf"), fmt.Appendf(nil,
			"nameserver %s\noptions timeout:3 attempts:4\n", resolver), 0o644),
		os.WriteFile(filepath.Join(dir, "hosts"), []byte("127.0.0.1 localhost\n"), 0o644),
		os.WriteFile(filepath.Join(dir, "nsswitch.conf"), []byte("passwd: files\ngroup: files\nhosts: files dns\n"), 0o644),
	)
	if err != nil {
		return fmt.Errorf("writing the configuration of %s: %w", h.ns, err)
	}
	// Linux says only now and then that a port is closed, and a client that
	// asked a server in its start would wait for its timeout.
	if out, err := exec.Command("ip", "netns", "exec", h.ns, "sysctl", "-q", "-w", "net.ipv4.icmp_ratelimit=0").CombinedOutput(); err != nil {
		return fmt.Errorf("lifting the limit on ICMP in %s: %w: %s", h.ns, err, out)
	}
	return h.ip("link set lo up")
}

// SetResolver replaces the resolvers in the resolv.conf that programs started
// from now on see in the host.
func (h *Host) SetResolver(t testing.TB, resolvers ...netip.Addr) {
	t.Helper()
	var text strings.Builder
	for _, addr := range resolvers {
		fmt.Fprintf(&text, "nameserver %s\n", addr)
	}
	if err := os.WriteFile(filepath.Join(confDir, h.ns, "resolv.conf"), []byte(text.String()), 0o644); err != nil {
		t.Fatalf("writing the resolv.conf of %s: %v", h.Name, err)
	}
}
