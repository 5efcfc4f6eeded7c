package authority

// Whether questions to port 53 reach the servers that they are sent to. A
// router or a provider that redirects the port answers in their place, and may
// set the bit of authority too. What it cannot do is to keep silent where an
// honest network would.

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	// pathWait is how long the silence of an address without a server is
	// listened to. Whoever intercepts sits nearer than any name server, and
	// the question asked is one that every resolver has the answer to.
	pathWait = time.Second
	// keepDoubt is how long the outcome of a look at the path is good enough
	// when an answer is not what it should be.
	keepDoubt = 10 * time.Minute
	// ageing is how long a record is left to grow old in a cache.
	ageing = 2100 * time.Millisecond
)

// nobody is an address that belongs to no host anywhere (TEST-NET-1, RFC 5737):
// a question sent there troubles nobody, and nobody honest answers it.
var nobody = netip.MustParseAddrPort("192.0.2.53:53")

// path is what is known of the way out. Whoever holds lock may use the rest.
type path struct {
	lock     lock
	at       time.Time
	evidence string
}

// probePath asks where no server is, unless the last outcome is younger than
// keep, and returns what gives an interception away; empty means that nothing
// does.
func (a *Asker) probePath(ctx context.Context, keep time.Duration) string {
	if a.path.lock.take(ctx) != nil {
		return ""
	}
	defer a.path.lock.give()
	if a.path.evidence != "" {
		keep = min(keep, keepDoubt)
	}
	if !a.path.at.IsZero() && time.Since(a.path.at) < keep {
		return a.path.evidence
	}
	waiting, cancel := context.WithTimeout(ctx, pathWait)
	defer cancel()
	_, err := a.exchange(waiting, nobody, question(".", dns.TypeNS, true))
	switch {
	case ctx.Err() != nil || err != nil && !errors.Is(err, errSilence):
		return a.path.evidence // nothing was sent, so nothing was learned
	case err == nil:
		a.path.evidence = fmt.Sprintf("a DNS question to %s was answered, an address that no host anywhere has", nobody.Addr())
	default:
		a.path.evidence = ""
	}
	a.path.at = time.Now()
	return a.path.evidence
}

// intercepted looks for what gives an interception away after an answer that
// is not what it should be.
func (a *Asker) intercepted(ctx context.Context, w wired, q Question, answer Answer) string {
	at := make(chan string, 1)
	go func() { at <- a.probeServer(ctx, w, q, answer) }()
	evidence := a.probePath(ctx, keepDoubt)
	if found := <-at; evidence == "" {
		evidence = found
	}
	return evidence
}

// probeServer asks a name server that answered for the servers of the root. An
// authoritative server refuses or refers; what names them is a resolver. A
// provider's servers are no resolvers, but a person's own may be, so of those
// it must also be seen that the record grows old, as it does in caches only.
func (a *Asker) probeServer(ctx context.Context, w wired, q Question, answer Answer) string {
	for _, r := range answer.Replies {
		if r.Err != nil && !errors.Is(r.Err, ErrNoAuthority) {
			continue
		}
		server := netip.AddrPortFrom(r.Addr, nsPort)
		msg, err := a.exchange(ctx, server, question(".", dns.TypeNS, true))
		if err != nil || !namesRoot(msg) {
			return ""
		}
		evidence := fmt.Sprintf("%s answers at %s like a resolver, which that name server is not", r.Server, r.Addr)
		if r.Err == nil && q.OwnServer && !a.growsOld(ctx, server, w) {
			return ""
		}
		return evidence
	}
	return ""
}

// namesRoot reports whether msg answers with the servers of the real root.
func namesRoot(msg *dns.Msg) bool {
	for _, rr := range msg.Answer {
		if ns, ok := rr.(*dns.NS); ok && ns.Hdr.Name == "." && strings.HasSuffix(dns.CanonicalName(ns.Ns), ".root-servers.net.") {
			return true
		}
	}
	return false
}

// growsOld reports whether the record's TTL counts down at the server.
func (a *Asker) growsOld(ctx context.Context, at netip.AddrPort, w wired) bool {
	first := a.askAll(ctx, []server{{addr: at}}, w)[0]
	timer := time.NewTimer(ageing)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	}
	second := a.askAll(ctx, []server{{addr: at}}, w)[0]
	return first.Err == nil && second.Err == nil && second.TTL < first.TTL && first.TTL-second.TTL <= 2*ageing
}
