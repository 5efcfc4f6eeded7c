//go:build linux

package lab_test

// Breaking the broker.

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
)

// indoorValues are what the sentences of the house hold in the lab.
func indoorValues(h *house) lab.Values {
	return lab.Values{
		"wrongport": fmt.Sprintf("%s:%d", lab.NASAddr, lab.BrokerPort+1), "nobody": nobodyAddr.String(), "public": publicAddr.String(),
		"strange": h.Stranger.Cert.Subject.CommonName, "intermediate": "Edgeguard Lab CA 2", "othername": "nas.example.org",
	}
}

// brokerBack starts the home's broker again.
func (f *faulty) brokerBack() {
	f.t.Helper()
	f.broker = f.StartBroker(f.t, f.NAS, f.CA.Issue(f.t, f.name))
}

// inPlace has a web server in the broker's place, with TLS where cfg is not nil:
// cfg makes it.
func inPlace(cfg func(t *testing.T, h *faulty) *tls.Config) func(*testing.T, *faulty) func() {
	return func(t *testing.T, h *faulty) func() {
		t.Helper()
		server := &http.Server{
			Handler:           http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "a page") }),
			ReadHeaderTimeout: lab.Patience, ErrorLog: log.New(io.Discard, "", 0),
		}
		serve := server.Serve
		if cfg != nil {
			server.TLSConfig = cfg(t, h)
			serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
		}
		h.broker.Process.Kill()
		l, err := h.NAS.Listen("tcp", h.broker.Addr.String())
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- serve(l) }()
		stop := func() {
			server.Close()
			if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
				t.Errorf("the web server: %v", err)
			}
		}
		return func() {
			stop()
			h.brokerBack()
		}
	}
}

// misplaced has the config say that the broker is elsewhere.
func misplaced(addr netip.AddrPort) func(*testing.T, *faulty) func() {
	return reconfigure(func(text string) string {
		return strings.Replace(text, netip.AddrPortFrom(lab.NASAddr, lab.BrokerPort).String(), addr.String(), 1)
	})
}

var _ = addBreakings(map[string]breaking{
	"broker-down": {do: func(_ *testing.T, h *faulty) func() {
		h.broker.Process.Kill()
		return h.brokerBack
	}},
	"broker-wrong-port":    {do: misplaced(netip.AddrPortFrom(lab.NASAddr, lab.BrokerPort+1))},
	"broker-wrong-address": {do: misplaced(netip.AddrPortFrom(nobodyAddr, lab.BrokerPort))},
	"broker-firewalled": {do: func(_ *testing.T, h *faulty) func() {
		h.NAS.Run(h.t, "nft", fmt.Sprintf("add table ip wall; add chain ip wall in { type filter hook input priority 0; }; add rule ip wall in tcp dport %d drop", lab.BrokerPort))
		return func() { h.NAS.Run(h.t, "nft", "delete table ip wall") }
	}},
	"broker-hangs": {do: func(t *testing.T, h *faulty) func() {
		signal := func(s syscall.Signal) {
			if err := h.broker.Signal(s); err != nil {
				t.Fatal(err)
			}
		}
		signal(syscall.SIGSTOP)
		return func() { signal(syscall.SIGCONT) }
	}},
	"broker-plain": {group: "broker-2", do: func(t *testing.T, h *faulty) func() {
		h.broker.Process.Kill()
		plain := h.StartPlainBroker(t, h.NAS)
		return func() {
			plain.Process.Kill()
			h.brokerBack()
		}
	}},
	"broker-http": {group: "broker-2", do: inPlace(nil)},
	"broker-not-mqtt": {group: "broker-2", do: inPlace(func(t *testing.T, h *faulty) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{h.CA.IssueEC(t, h.name).TLS}}
	})},
	"broker-old-tls": {group: "broker-2", do: inPlace(func(t *testing.T, h *faulty) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{h.CA.IssueEC(t, h.name).TLS}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	})},
	"broker-wrong-password": {group: "broker-2", do: func(t *testing.T, h *faulty) func() {
		h.broker.Process.Kill()
		choosy := h.StartBrokerWithUser(t, h.NAS, h.CA.Issue(t, h.name), "edgeguard", "the right one")
		mend := inService("username = \"edgeguard\"\npassword = \"a wrong one\"")(t, h)
		return func() {
			choosy.Process.Kill()
			h.brokerBack()
			mend()
		}
	}},
})
