package authority

// What the servers say of a name's TXT records.

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"

	"github.com/edgeguard/edgeguard/internal/tidy"
	"github.com/miekg/dns"
)

const (
	// maxTexts bounds the TXT records that are read from one reply, and maxText
	// each of them, in bytes.
	maxTexts = 64
	maxText  = 1024
)

// TextReply is what one server said of a name's TXT records, or why that counts
// for nothing.
type TextReply struct {
	// Server is the server's name, empty where it has none; Addr its address.
	Server string
	Addr   netip.Addr
	// Texts are what the records say, on one line each, cut where they are very
	// long; nil where there are none.
	Texts []string
	// Err is why it is not known; nil where it is.
	Err error
}

// Texts asks every authoritative server of name's zone for its TXT records. An
// error says that no server could be found, or wraps ErrIntercepted; there are
// replies beside the latter, which count for nothing.
func (a *Asker) Texts(ctx context.Context, name string) ([]TextReply, error) {
	w := wired{name: dns.CanonicalName(name), base: dns.CanonicalName(name), qtype: dns.TypeTXT}
	if _, ok := dns.IsDomainName(w.name); !ok || w.name == "." {
		return nil, fmt.Errorf("%q is no domain name", name)
	}
	path := make(chan string, 1)
	go func() { path <- a.probePath(ctx, keepDoubt) }()
	replies, err := a.textsOfAll(ctx, w)
	evidence := <-path
	if err == nil && evidence == "" {
		evidence = a.interceptedTexts(ctx, w, replies)
	}
	if evidence == "" {
		return replies, err
	}
	for i := range replies {
		replies[i].Texts, replies[i].Err = nil, ErrIntercepted
	}
	return replies, fmt.Errorf("%w: %s", ErrIntercepted, evidence)
}

// textsOfAll asks every server of the zone, at the same time.
func (a *Asker) textsOfAll(ctx context.Context, w wired) ([]TextReply, error) {
	_, servers, err := a.servers(ctx, w.base, false)
	if err != nil {
		return nil, err
	}
	replies := make([]TextReply, len(servers))
	var wg sync.WaitGroup
	for i, s := range servers {
		wg.Go(func() { replies[i] = a.textsFrom(ctx, s, w, false) })
	}
	wg.Wait()
	for _, r := range replies {
		if r.Err == nil {
			return replies, nil
		}
	}
	if ctx.Err() == nil {
		a.forget(w.base)
	}
	return replies, nil
}

// interceptedTexts looks for what gives an interception away where somebody
// answered, and nobody with authority.
func (a *Asker) interceptedTexts(ctx context.Context, w wired, replies []TextReply) string {
	answer := Answer{}
	for _, r := range replies {
		if r.Err == nil {
			return ""
		}
		answer.Replies = append(answer.Replies, Reply{Server: r.Server, Addr: r.Addr, Err: r.Err})
	}
	if !answer.suspicious(netip.Addr{}) {
		return ""
	}
	return a.intercepted(ctx, w, Question{}, answer)
}

// TextsAt asks one recursive server for the TXT records of name. What it says
// may be as old as it likes.
func (a *Asker) TextsAt(ctx context.Context, resolver netip.AddrPort, name string) TextReply {
	w := wired{name: dns.CanonicalName(name), qtype: dns.TypeTXT}
	return a.textsFrom(ctx, server{addr: resolver}, w, true)
}

// textsFrom asks one server.
func (a *Asker) textsFrom(ctx context.Context, s server, w wired, recurse bool) TextReply {
	r := TextReply{Server: s.name, Addr: s.addr.Addr()}
	msg, err := a.exchange(ctx, s.addr, question(w.name, w.qtype, recurse))
	switch {
	case err != nil:
		r.Err = err
	case recurse:
		r.Texts, r.Err = TextsIn(msg, w.name)
	default:
		if r.Err = doubt(msg); r.Err == nil {
			r.Texts, r.Err = TextsIn(msg, w.name)
		}
	}
	return r
}

// TextsIn reads the TXT records of name from an answer to the question for them;
// nil where it says that there are none. A name that is an alias has none of its
// own, which is an error that names where it leads.
func TextsIn(msg *dns.Msg, name string) (texts []string, err error) {
	if msg.Rcode != dns.RcodeSuccess && msg.Rcode != dns.RcodeNameError {
		return nil, fmt.Errorf("it answered %s", rcodeName(msg.Rcode))
	}
	for _, rr := range msg.Answer {
		if !dnsEqual(rr.Header().Name, name) || rr.Header().Class != dns.ClassINET {
			continue
		}
		switch rr := rr.(type) {
		case *dns.CNAME:
			return nil, fmt.Errorf("the name is an alias (CNAME) of %s", tidy.Line(strings.TrimSuffix(rr.Target, "."), 255))
		case *dns.TXT:
			if len(texts) < maxTexts {
				texts = append(texts, tidy.Line(strings.Join(rr.Txt, ""), maxText))
			}
		}
	}
	return texts, nil
}
