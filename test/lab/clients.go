//go:build linux

package lab

// The clients that decide whether the whole chain works: mosquitto's own, and
// questions to a DNS server.

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Topic is what Publish and Subscribe use.
const Topic = "edgeguard/lab"

// clientLimit bounds one run of a client. It is longer than all of the
// resolver's tries.
const clientLimit = 45 * time.Second

// Publish sends one message from a host, as a phone's app would: it finds the
// name through the host's resolver, checks the certificate against the name
// and the authority, and waits for the broker's receipt. The error says what
// mosquitto_pub said.
func (h *Home) Publish(from *Host, name string, ca *CA) error {
	_, err := from.Try(clientLimit, "mosquitto_pub", "-h", name, "-p", strconv.Itoa(BrokerPort),
		"--cafile", ca.File, "-t", Topic, "-q", "1", "-m", "hello from "+from.Name)
	return err
}

// Subscribe keeps a client connected from a host, and waits until it has
// subscribed. Messages appear in its Log; it ends when its connection does.
func (h *Home) Subscribe(t testing.TB, from *Host, name string, ca *CA) *Process {
	t.Helper()
	p := from.Start(t, "mosquitto_sub", "stdbuf", "-oL", "mosquitto_sub", "-d", "-h", name, "-p", strconv.Itoa(BrokerPort),
		"--cafile", ca.File, "-t", Topic, "-q", "1")
	p.WaitLog(t, Patience, "Subscribed (mid")
	return p
}

// Ask asks a DNS server one question from the host, over UDP and then, if the
// answer was cut, over TCP.
func (h *Host) Ask(server netip.Addr, name string, qtype uint16) (*dns.Msg, error) {
	answer, err := h.AskOver("udp", server, name, qtype)
	if err == nil && answer.Truncated {
		return h.AskOver("tcp", server, name, qtype)
	}
	return answer, err
}

// AskOver is Ask over "udp" or "tcp" only.
func (h *Host) AskOver(network string, server netip.Addr, name string, qtype uint16) (*dns.Msg, error) {
	m := new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype)
	m.SetEdns0(1232, false)
	return h.exchange(m, network, server, nil)
}

// exchangeLimit is how long one question may take: longer than a busy machine
// stalls.
const exchangeLimit = 20 * time.Second

// exchange sends a message to a server's port 53 and returns its answer.
func (h *Host) exchange(m *dns.Msg, network string, server netip.Addr, secrets map[string]string) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(context.Background(), exchangeLimit)
	defer cancel()
	conn, err := h.Dial(ctx, network, netip.AddrPortFrom(server, 53).String())
	if err != nil {
		return nil, fmt.Errorf("reaching the DNS server %s from %s: %w", server, h.Name, err)
	}
	defer conn.Close()
	client := &dns.Client{Net: network, Timeout: exchangeLimit, TsigSecret: secrets}
	answer, _, err := client.ExchangeWithConnContext(ctx, m, &dns.Conn{Conn: conn, UDPSize: 1232})
	if err != nil {
		return nil, fmt.Errorf("asking the DNS server %s from %s: %w", server, h.Name, err)
	}
	return answer, nil
}

// LookupA asks a DNS server for a name's A records from the host. A name that
// does not exist, or has none, has no addresses and is no error.
func (h *Host) LookupA(server netip.Addr, name string) ([]netip.Addr, error) {
	answer, err := h.Ask(server, name, dns.TypeA)
	if err != nil {
		return nil, err
	}
	if answer.Rcode != dns.RcodeSuccess && answer.Rcode != dns.RcodeNameError {
		return nil, fmt.Errorf("asking %s for %s: %s", server, name, dns.RcodeToString[answer.Rcode])
	}
	var addrs []netip.Addr
	for _, rr := range answer.Answer {
		if a, ok := rr.(*dns.A); ok {
			if addr, ok := netip.AddrFromSlice(a.A.To4()); ok {
				addrs = append(addrs, addr)
			}
		}
	}
	return addrs, nil
}

// WantA returns a check for Eventually: the server says, asked from the host,
// that the name means exactly this address. The zero address means none.
func (h *Host) WantA(server netip.Addr, name string, want netip.Addr) func() error {
	return func() error {
		got, err := h.LookupA(server, name)
		switch {
		case err != nil:
			return err
		case !want.IsValid() && len(got) == 0:
			return nil
		case len(got) == 1 && got[0] == want:
			return nil
		}
		return fmt.Errorf("%s says to %s that %s is %v, not %v", server, h.Name, name, got, want)
	}
}
