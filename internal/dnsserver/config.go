package dnsserver

// What the LAN's DNS server needs.

import (
	"crypto/tls"
	"log/slog"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/dnsserver/packet"
)

// Config is what a Server needs.
type Config struct {
	// Listen are the addresses to listen on, UDP and TCP each; required. An
	// unspecified address (0.0.0.0, ::) means every one of its own family and
	// answers from the address asked; Every gives both.
	Listen []netip.AddrPort
	// Upstream asks the recursive servers that everything else is asked of;
	// required. It must not lead to ourselves. Whoever made it runs it.
	Upstream Upstream
	// Allow are source prefixes that may ask beside loopback, link-local,
	// private and own ones; may be nil.
	Allow []netip.Prefix
	// OwnPrefixes lists the prefixes of the host's own networks, whose hosts
	// may ask; nil means none. It is called now and then, not for each query.
	OwnPrefixes func() []netip.Prefix
	// TLSListen are the addresses to answer DNS over TLS on (RFC 7858); may be
	// nil. Without GetCertificate there is none. One that cannot be bound is
	// tried again and said in Status; it never stops Listen.
	TLSListen []netip.AddrPort
	// GetCertificate gives the certificate for a handshake, as in tls.Config;
	// nil means no DNS over TLS. CertificateProblem says in words what is wrong
	// with it, empty when nothing is; may be nil.
	GetCertificate     func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	CertificateProblem func() string
	// RateLimit is how many questions a second a client may ask that need
	// upstream, over two seconds; twenty times as many where they do not.
	// Zero means DefaultRateLimit, negative none. A client is an IPv4 address,
	// an IPv6 address of our own networks, or elsewhere a /64; this host and
	// Gateways are none.
	RateLimit int
	// Gateways lists addresses behind which many devices ask, as all do behind
	// the gateway of a container's bridge: this host's default gateways. Nil
	// means that they are guessed. It is called now and then.
	Gateways func() []netip.Addr
	// CacheBytes bounds the cache; default 8 MiB, negative means no cache.
	CacheBytes int64
	// CacheMinTTL and CacheMaxTTL bound the TTLs of forwarded answers, in whole
	// seconds; default 0 and a day, which CacheMaxTTL cannot exceed.
	CacheMinTTL, CacheMaxTTL time.Duration
	// StaleMax is for how long answers are kept beyond their time, for when
	// upstream does not answer; default a day, negative means not at all.
	StaleMax time.Duration
	// CacheFile is where the cache outlives a restart; empty means nowhere. Its
	// folder must be there.
	CacheFile string
	// Workers bounds the questions that wait for upstream; default 1,024.
	Workers int
	// PacketLoop says how datagrams are moved; empty means packet.Auto. A change
	// counts for the addresses that are bound after it.
	PacketLoop packet.Mode
	// Forwards are zones that are asked of servers of their own; a longer zone
	// goes before a shorter, and a zone before the special-use name that it is
	// or is below of. May be nil.
	Forwards []Forward
	// NoCanary leaves use-application-dns.net to upstream, so that Firefox may
	// choose a resolver by itself; BlockPrivateRelay denies the names that
	// iCloud Private Relay needs.
	NoCanary, BlockPrivateRelay bool
	// NoRebindProtection passes on upstream's answers even where they lead into
	// the house. RebindAllow are names for which, with all below them, that is
	// right; may be nil.
	NoRebindProtection bool
	RebindAllow        []string
	// Moved tells that this host's addresses, networks or Gateways may have
	// changed, and they are looked at. Whoever gives it sends now and then in
	// any case, as nobody else looks while everything is bound. Nil means that
	// they are looked at every 3 s. It is that of New for good.
	Moved <-chan struct{}
	// Changed is called when a link of Status may have become another one, and
	// at the first question after each call of Status. It comes from any
	// goroutine and must not block; nil means that nobody wants to know. It is
	// that of New for good.
	Changed func()
	// Log; nil means none.
	Log *slog.Logger
}
