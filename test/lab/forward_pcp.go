//go:build linux

package lab

// A router without UPnP: NAT-PMP and PCP only.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// StartPCPRouter is StartRouter for a router that speaks NAT-PMP and PCP and
// no UPnP.
func (h *Home) StartPCPRouter(t testing.TB, lines ...string) {
	t.Helper()
	h.conf = append([]string{"enable_upnp=no"}, lines...)
	file := filepath.Join(h.dir, "miniupnpd-pcp.conf")
	text := fmt.Sprintf(upnpConf, strings.Join(h.conf, "\n"), homeNet)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatalf("writing miniupnpd's configuration: %v", err)
	}
	h.router = h.Router.Start(t, "miniupnpd", "miniupnpd", "-d", "-f", file, "-P", filepath.Join(h.dir, "miniupnpd-pcp.pid"))
	h.router.WaitLog(t, Patience, "Listening for NAT-PMP/PCP traffic on port")
}

// RestartPCPRouter takes it down and up again, as RestartRouter does.
func (h *Home) RestartPCPRouter(t testing.TB, how Restart) {
	t.Helper()
	if how == Clean {
		h.wakeToEnd(t)
	}
	h.StopRouter(t, how)
	h.StartPCPRouter(t, h.conf[1:]...)
}

// wakeToEnd asks the router's service to end, and sends it datagrams until it
// has: without UPnP it wakes for nothing else, and a signal that comes between
// two looks is seen with the next datagram.
func (h *Home) wakeToEnd(t testing.TB) {
	t.Helper()
	if err := h.router.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	Eventually(t, Patience, func() error {
		if h.router.Ended() {
			return nil
		}
		conn, err := h.Phone.Dial(context.Background(), "udp", netip.AddrPortFrom(RouterAddr, 5351).String())
		if err == nil {
			_, _ = conn.Write([]byte{0, 0})
			conn.Close()
		}
		return errors.New("the router's service has not ended")
	})
}
