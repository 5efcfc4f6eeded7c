//go:build linux

package lab

// The programs that ask a DNS server: dig, kdig, the C libraries, and
// systemd-resolved.

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Exchange sends a message to a server's port 53 over "udp" or "tcp" and
// returns its answer, which it waits for as long as limit. Unlike Ask it adds
// nothing to the message and takes a truncated answer as it is.
func (h *Host) Exchange(m *dns.Msg, network string, server netip.Addr, limit time.Duration) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	conn, err := h.Dial(ctx, network, netip.AddrPortFrom(server, 53).String())
	if err != nil {
		return nil, fmt.Errorf("reaching the DNS server %s from %s: %w", server, h.Name, err)
	}
	defer conn.Close()
	client := &dns.Client{Net: network, Timeout: limit}
	answer, _, err := client.ExchangeWithConnContext(ctx, m, &dns.Conn{Conn: conn, UDPSize: dns.MaxMsgSize})
	if err != nil {
		return nil, fmt.Errorf("asking the DNS server %s from %s for %v: %w", server, h.Name, m.Question, err)
	}
	return answer, nil
}

// Dig runs dig on the host and returns what it wrote. A server that does not
// answer is an error.
func (h *Host) Dig(args ...string) (string, error) { return h.digger("dig", args) }

// Kdig is Dig with Knot's kdig, which speaks TLS.
func (h *Host) Kdig(args ...string) (string, error) { return h.digger("kdig", args) }

func (h *Host) digger(name string, args []string) (string, error) {
	args = append([]string{"+tries=2", "+time=5"}, args...)
	if name == "kdig" {
		args[0] = "+retry=1"
	}
	return h.Try(Patience, name, args...)
}

// Getent asks the GNU C library for a name's addresses (getaddrinfo), the way
// that most programs do. A name without any is an error.
func (h *Host) Getent(name string) ([]netip.Addr, error) {
	out, err := h.Try(Patience, "getent", "ahosts", name)
	if err != nil {
		return nil, err
	}
	return addressesIn(out), nil
}

// addressesIn returns the address at the start of each line, each once.
func addressesIn(out string) []netip.Addr {
	var list []netip.Addr
	seen := map[netip.Addr]bool{}
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if addr, err := netip.ParseAddr(fields[0]); err == nil && !seen[addr] {
			seen[addr] = true
			list = append(list, addr)
		}
	}
	return list
}

// lookupSource is a program that does what getent ahosts does, for C libraries
// that come without one.
const lookupSource = `#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
int main(int argc, char **argv) {
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *r;
	char text[64];
	int err = getaddrinfo(argv[argc-1], "8883", &hints, &r);
	if (err) { printf("getaddrinfo: %s\n", gai_strerror(err)); return 1; }
	for (; r; r = r->ai_next)
		if (!getnameinfo(r->ai_addr, r->ai_addrlen, text, sizeof text, 0, 0, NI_NUMERICHOST)) puts(text);
	return 0;
}
`

// MuslLookup compiles a program against musl, the C library of Alpine Linux
// and OpenWrt, and returns a function that looks names up with it on a host.
// Without musl-gcc the test is skipped as by Require.
func MuslLookup(t testing.TB) func(h *Host, name string) ([]netip.Addr, error) {
	t.Helper()
	RequireTool(t, "musl-gcc", "musl-tools")
	dir := t.TempDir()
	source, program := filepath.Join(dir, "lookup.c"), filepath.Join(dir, "lookup")
	writeFile(t, dir, "lookup.c", lookupSource)
	if out, err := exec.Command("musl-gcc", "-static", "-Wall", "-Werror", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("compiling against musl: %v\n%s", err, out)
	}
	return func(h *Host, name string) ([]netip.Addr, error) {
		out, err := h.Try(Patience, program, name)
		if err != nil {
			return nil, err
		}
		return addressesIn(out), nil
	}
}

// RequireTool skips the test where a command is missing that only a few tests
// need; with EDGEGUARD_LAB=require it fails.
func RequireTool(t testing.TB, command, pkg string) {
	t.Helper()
	if _, err := exec.LookPath(command); err != nil {
		missing(t, command+" (package "+pkg+")")
	}
}

func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("EDGEGUARD_LAB") == "require" {
		t.Fatalf("EDGEGUARD_LAB=require, but %s is missing; scripts/lab-deps gets it", what)
	}
	t.Skipf("%s is missing; scripts/lab-deps gets it", what)
}
