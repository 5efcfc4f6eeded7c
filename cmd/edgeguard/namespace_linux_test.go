package main

// Tests in a network namespace of their own: this test program once more.

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/lan"
	"github.com/edgeguard/edgeguard/internal/netnstest"
)

// Who listens beyond loopback asks the network what its DHCP hands out: these
// scripts have a network with nobody in it.
func TestScriptsThatListenEverywhere(t *testing.T) {
	if !netnstest.Own(t) {
		return
	}
	netnstest.IP(t, "link set lo up")
	runScripts(t, "testdata/namespace")
}

// Each step is waited for at the kernel's word alone: the clock hints nothing.
func TestMovesOfARealKernel(t *testing.T) {
	if !netnstest.Own(t) {
		return
	}
	m, hints := newMoves(), make(chan string, 100)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.run(ctx, func(kind string) { hints <- kind }, quietLog(t)) }()
	<-m.router // it listens
	before := m.look()
	netnstest.IP(t, "link add d0 type veth peer name d1")
	netnstest.IP(t, "link set d0 up")
	netnstest.IP(t, "link set d1 up")
	netnstest.IP(t, "address add 10.77.1.2/24 dev d0")
	for kind := ""; kind != lan.ChangeAddress; {
		kind = <-hints
	}
	<-m.router
	<-m.dns
	<-m.listen
	netnstest.IP(t, "route add default via 10.77.1.1")
	for kind := ""; kind != lan.ChangeRoute; {
		kind = <-hints
	}
	if after := m.look(); before == after || !strings.Contains(after, "10.77.1.2") || !strings.Contains(after, "10.77.1.1") {
		t.Errorf("our surroundings were %s and are %s", before, after)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// DHCP gives this host another address, and the DNS server goes along.
func TestAnotherLANAddressIsFollowed(t *testing.T) {
	if !netnstest.Own(t) {
		return
	}
	for _, step := range []string{
		"link set lo up", "link add d0 type veth peer name d1", "link set d0 up", "link set d1 up",
		"address add 10.77.1.9/24 dev d0", "route add default via 10.77.1.1",
	} {
		netnstest.IP(t, step)
	}
	file := filepath.Join(t.TempDir(), "edgeguard.toml")
	text := strings.ReplaceAll(quietConfig, "%NAME%", "one.example.org")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	opt, flags := &options{config: file}, listenFlags{dns: "lan:5353", status: "127.0.0.1:5380"}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	load := func() (*config.Config, error) { return loadConfig(opt, flags) }
	go func() { ended <- runDaemon(ctx, opt, load, t.Output()) }()
	for _, lease := range []string{"10.77.1.2", "10.77.1.3", "10.77.2.4"} {
		netnstest.IP(t, "address flush dev d0")
		netnstest.IP(t, "address add "+lease+"/16 dev d0")
		netnstest.IP(t, "route add default via 10.77.1.1") // it went with the address
		until(t, func() error { return conditions["answers"]([]string{lease + ":5353", "one.example.org", "127.0.0.77"}) })
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
