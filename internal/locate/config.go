package locate

// What the locator is given, and what it publishes.

import (
	"context"
	"log/slog"
	"net/netip"
	"time"
)

// Service is one service that is to be found.
type Service struct {
	// Name is the service's name in the config.
	Name string
	// Host or MAC is what it is found by, canonical; one of them is empty.
	Host, MAC string
	// Port is where it listens.
	Port uint16
	// Remote is whether it is not in the home: any address will do then.
	Remote bool
}

// by is what the service is found by.
func (s Service) by() string { return s.Host + s.MAC }

// Answer is where a device is said to be.
type Answer struct {
	// Addrs are its addresses, the likeliest first; empty means that it is said
	// to have none, which is as good as unknown here.
	Addrs []netip.Addr
	// TTL is for how long that is so; zero where nobody said.
	TTL time.Duration
}

// Vouched is who answers at an address.
type Vouched struct {
	// Answers is whether somebody there proved to hold the key SPKI, a hash.
	Answers bool
	SPKI    string
	// Trusted is whether the certificate is trusted for the service's names.
	Trusted bool
	// Why says what is wrong where it does not answer or is not trusted.
	Why string
}

// Liveness is whether a device is at an address.
type Liveness uint8

// What is known of an address.
const (
	// Unsure means that it could not be asked: it may be there.
	Unsure Liveness = iota
	// There means that the address answers, and at the device's MAC address
	// where that is known.
	There
	// Gone means that nobody, or another device, answers there.
	Gone
)

// Config is what a Locator needs. The functions must be safe for concurrent use
// and return soon after their context ends.
type Config struct {
	// Services are those to find, in this order.
	Services []Service
	// StateFile remembers the addresses over a restart; empty means nowhere.
	StateFile string
	// ReadOnly leaves StateFile as it is.
	ReadOnly bool
	// Find asks where a device is. An error is unknown.
	Find func(ctx context.Context, s Service) (Answer, error)
	// Alive looks whether the device is still at an address of this LAN.
	Alive func(ctx context.Context, s Service, addr netip.Addr) Liveness
	// Unfit says why an address cannot be that of s; empty where it can.
	Unfit func(s Service, addr netip.Addr) string
	// Vouch looks at who answers as s at an address.
	Vouch func(ctx context.Context, s Service, at netip.AddrPort) Vouched
	// Log; nil means none.
	Log *slog.Logger
}

// Located is what is known of one service.
type Located struct {
	Service Service
	// Addr is the address in force; the zero Addr while none was ever found.
	Addr netip.Addr
	// Problem says why the service could not be found, or not be followed; empty
	// where it is where it was found.
	Problem string
	// Stranger is whether that is because somebody else answers where the device
	// is said to be.
	Stranger bool
}
