//go:build linux

package main

// The questions: files for dnsperf, and the answers to expect.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// cachedNames is how many names are asked in turn where they are to be in the
// cache: what a house of people uses in a day.
const cachedNames = 1000

func cachedName(i int) string { return fmt.Sprintf("host%04d.cached.example", i) }

// missName is a name that nobody else asks: set tells measurements apart.
func missName(set string, i int) string { return fmt.Sprintf("n%07d.%s.example", i, set) }

// writeQuestions writes a file with count questions and returns its path.
func writeQuestions(dir, file string, count int, name func(i int) string) (string, error) {
	path := filepath.Join(dir, file)
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	w := bufio.NewWriter(f)
	for i := range count {
		w.WriteString(name(i)) // its error comes from Flush
		w.WriteString(" A\n")
	}
	return path, errors.Join(w.Flush(), f.Close())
}

// wantAddr is the address that the upstream gives to a name (see upstream.c).
func wantAddr(name string) netip.Addr {
	if name == overrideName {
		return netip.MustParseAddr(overrideAddr)
	}
	hash := uint32(2166136261)
	add := func(b byte) { hash = (hash ^ uint32(b)) * 16777619 }
	for _, label := range strings.Split(name, ".") {
		add(byte(len(label)))
		for i := range len(label) {
			add(label[i])
		}
	}
	add(0)
	return netip.AddrFrom4([4]byte{203, 0, 113, byte(hash)})
}

// question packs a question for a name's address.
func question(id uint16, name string) ([]byte, error) {
	n, err := dnsmessage.NewName(name + ".")
	if err != nil {
		return nil, fmt.Errorf("packing %s: %w", name, err)
	}
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: n, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}}
	return m.Pack()
}

// ask asks a server for a name's address, once, and returns what it says.
func ask(ctx context.Context, port int, name string, patience time.Duration) (netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "udp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	id := uint16(time.Now().UnixNano())
	packed, err := question(id, name)
	if err != nil {
		return netip.Addr{}, err
	}
	if _, err := conn.Write(packed); err != nil {
		return netip.Addr{}, err
	}
	buf := make([]byte, 4096)
	n, err := conn.Read(buf)
	if err != nil {
		return netip.Addr{}, err
	}
	var m dnsmessage.Message
	if err := m.Unpack(buf[:n]); err != nil {
		return netip.Addr{}, fmt.Errorf("the answer for %s: %w", name, err)
	}
	if m.ID != id || !m.Response || m.RCode != dnsmessage.RCodeSuccess {
		return netip.Addr{}, fmt.Errorf("the answer for %s is %v", name, m.Header.GoString())
	}
	for _, r := range m.Answers {
		if a, ok := r.Body.(*dnsmessage.AResource); ok {
			return netip.AddrFrom4(a.A), nil
		}
	}
	return netip.Addr{}, fmt.Errorf("the answer for %s has no address", name)
}
