package relay

// What a relay needs, and the targets that it must not lead to.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"time"
)

const (
	defaultConnections = 256
	defaultPerSource   = 32
	defaultIdle        = time.Hour
	defaultConnect     = 5 * time.Second

	// patience is how long a connection may have one direction closed and
	// nothing in the other, or bytes that a side does not take. Either is rarely
	// meant, and a direct connection would not last much longer.
	patience = 5 * time.Minute
	// firstByte is how long a connection may be silent from the start on. Of a
	// client and a service, one speaks at once.
	firstByte = time.Minute
)

// Config is what a relay needs.
type Config struct {
	// Listen is where the router forwards to. Port 0 means one of the kernel's
	// choice. 0.0.0.0 takes IPv4 only and :: IPv6 only, as everywhere else.
	Listen netip.AddrPort
	// Target is the service, in the LAN. An address of this host is an error:
	// the router can forward to it without a relay, and it could be the relay
	// itself.
	Target netip.AddrPort
	// Own are addresses of this host that it cannot see: the host's in the LAN,
	// for a container on a bridge. To them leads no relay either, where the port
	// is the relay's: the connection would come back.
	Own []netip.Addr
	// MaxConnections bounds the connections, those to be made to the service
	// included; default 256. Each takes two file descriptors.
	MaxConnections int
	// MaxPerSource bounds those of one IPv4 address or IPv6 /64; default 32,
	// at most MaxConnections. A router that puts its own address on whatever it
	// forwards makes all clients one source: for it, set it to MaxConnections.
	MaxPerSource int
	// Idle is how long a connection may be without a byte in either direction;
	// default 1 h. MQTT's keep-alive may be as long as 18 h, but is 5 min or less
	// in nearly all clients, and 0 (never) in some: these need a longer Idle.
	// Half-closed connections end after 5 min without a byte, or Idle if that is
	// shorter, and those on which nothing has ever come after 1 min.
	Idle time.Duration
	// ConnectTimeout bounds the connecting to the service; default 5 s.
	ConnectTimeout time.Duration
	// ProxyProtocol has each connection to the service begin with a PROXY
	// protocol header, version 2, that tells the client's address. The service
	// must expect it, or it takes the header for garbage.
	ProxyProtocol bool
	// Log; nil means none.
	Log *slog.Logger
	// Dial connects to the service; nil means a net.Dialer with keep-alives.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Bind opens the listener; nil means the system's.
	Bind func(ctx context.Context, network, address string) (net.Listener, error)
	// AllowLoopback permits a Target on this host, for tests. It must not be
	// what Listen is, even so.
	AllowLoopback bool
}

// keepAlive finds peers that are gone within 7 min, on either side. It is slow
// enough for a phone's radio to sleep.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 5 * time.Minute, Interval: 30 * time.Second, Count: 4}

// withDefaults returns the config with every value set.
func (c Config) withDefaults() Config {
	c.Listen, c.Target = unmap(c.Listen), unmap(c.Target)
	c.MaxConnections = cmp.Or(c.MaxConnections, defaultConnections)
	c.MaxPerSource = min(cmp.Or(c.MaxPerSource, defaultPerSource), c.MaxConnections)
	c.Idle = cmp.Or(c.Idle, defaultIdle)
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, defaultConnect)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{KeepAliveConfig: keepAlive}).DialContext
	}
	if c.Bind == nil {
		c.Bind = (&net.ListenConfig{KeepAliveConfig: keepAlive}).Listen
	}
	return c
}

// check returns what is wrong with a config that has its defaults.
func (c Config) check() error {
	switch {
	case !c.Listen.Addr().IsValid():
		return errors.New("the relay has no address to listen on")
	case c.MaxConnections < 0, c.MaxPerSource < 0, c.Idle < 0, c.ConnectTimeout < 0:
		return errors.New("a limit of the relay is negative")
	}
	to := c.Target.Addr()
	switch {
	case !to.IsValid() || c.Target.Port() == 0:
		return fmt.Errorf("the relay's target %s is not an address and a port", c.Target)
	case to.IsUnspecified(), to.IsMulticast(), to == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return fmt.Errorf("the relay's target %s is not one host: set the service's address to the host's in the LAN", c.Target)
	case to.IsLinkLocalUnicast() && to.Is6() && to.Zone() == "":
		return fmt.Errorf("the relay's target %s is link-local and has no zone: set the service's address to another of that host's", c.Target)
	}
	return nil
}

// checkLoop returns an error where the target is on this host, or the relay
// that listens on bound itself.
func (c Config) checkLoop(bound netip.AddrPort) error {
	to := c.Target.Addr()
	own := to.IsLoopback() || slices.Contains(ownAddresses(), to.WithZone(""))
	itself := c.Target.Port() == bound.Port() &&
		(to == bound.Addr() || own && bound.Addr().IsUnspecified() || slices.Contains(c.Own, to))
	switch {
	case itself:
		return fmt.Errorf("the relay's target %s is the relay itself, so a connection would go round in a loop: set the service's address to that of the host it runs on", c.Target)
	case own && !c.AllowLoopback:
		return fmt.Errorf("the relay's target %s is this host, which needs no relay: the router can forward to it", c.Target)
	}
	return nil
}

// ownAddresses lists this host's addresses, without zones. Where the system
// does not tell, there are none.
func ownAddresses() []netip.Addr {
	list, _ := net.InterfaceAddrs()
	var own []netip.Addr
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			own = append(own, p.Addr().Unmap().WithZone(""))
		}
	}
	return own
}

// unmap writes an IPv4 address within an IPv6 one as what it is.
func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
