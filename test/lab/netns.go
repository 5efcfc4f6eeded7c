//go:build linux

package lab

// Sockets of this process in a host's namespace. A socket belongs for its
// whole life to the namespace of the thread that made it, so a thread enters
// the namespace only for as long as the socket is made.

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// inside runs f on a thread in the host's namespace, which is its own again
// afterwards. f must make its sockets in the calling goroutine, which the net
// package does for addresses that are literal.
func (h *Host) inside(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		home, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			runtime.UnlockOSThread()
			done <- fmt.Errorf("opening this thread's namespace: %w", err)
			return
		}
		defer home.Close()
		err = enter(filepath.Join(netnsDir, h.ns))
		if err == nil {
			err = f()
		}
		if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
			// The goroutine ends with the thread still locked, and the thread
			// with it: a thread in a foreign namespace must run nothing else.
			done <- fmt.Errorf("leaving the namespace %s: %w", h.ns, back)
			return
		}
		runtime.UnlockOSThread()
		done <- err
	}()
	return <-done
}

func enter(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening a namespace: %w", err)
	}
	defer f.Close()
	if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("entering the namespace %s: %w", path, err)
	}
	return nil
}

// Listen listens on a literal address in the host's namespace. The listener
// is the caller's, to use and close from any goroutine.
func (h *Host) Listen(network, address string) (net.Listener, error) {
	var l net.Listener
	err := h.inside(func() (err error) {
		if _, err = netip.ParseAddrPort(address); err == nil {
			l, err = net.Listen(network, address)
		}
		return err
	})
	return l, err
}

// ListenPacket is Listen for datagrams.
func (h *Host) ListenPacket(network, address string) (net.PacketConn, error) {
	var c net.PacketConn
	err := h.inside(func() (err error) {
		if _, err = netip.ParseAddrPort(address); err == nil {
			c, err = net.ListenPacket(network, address)
		}
		return err
	})
	return c, err
}

// Dial connects from the host to a literal address. ctx may be without a
// deadline; 30 s is the longest it takes.
func (h *Host) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	var c net.Conn
	err := h.inside(func() (err error) {
		if _, err = netip.ParseAddrPort(address); err == nil {
			c, err = (&net.Dialer{Timeout: 30 * time.Second}).DialContext(ctx, network, address)
		}
		return err
	})
	return c, err
}

// HTTPClient returns a client that speaks from the host, on a connection for
// each request. It finds names by asking the public DNS, and trusts only ca,
// which may be nil for plain HTTP.
func (h *Host) HTTPClient(ca *CA) *http.Client {
	roots := x509.NewCertPool()
	if ca != nil {
		roots.AddCert(ca.Cert)
	}
	return &http.Client{
		Timeout: Patience,
		Transport: &http.Transport{
			DialContext:       h.dialName,
			TLSClientConfig:   &tls.Config{RootCAs: roots},
			DisableKeepAlives: true,
		},
	}
}

// dialName is Dial for names, too.
func (h *Host) dialName(ctx context.Context, network, address string) (net.Conn, error) {
	name, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return h.Dial(ctx, network, address)
	}
	addrs, err := h.LookupA(InternetAddr, name)
	if err == nil && len(addrs) == 0 {
		err = errors.New("the public DNS has no address")
	}
	if err != nil {
		return nil, fmt.Errorf("finding %s: %w", name, err)
	}
	return h.Dial(ctx, network, net.JoinHostPort(addrs[0].String(), port))
}
