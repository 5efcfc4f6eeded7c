package authority_test

// An internet on paper: every server is a function, reached over a pipe, so
// that it runs in a bubble where a day takes no time.

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/edgeguard/edgeguard/internal/ddns/authority"
	"github.com/miekg/dns"
)

// paper is the internet. Its servers answer, or return nil for silence.
type paper struct {
	resolver func(q *dns.Msg) *dns.Msg

	mu      sync.Mutex
	servers map[string]func(q *dns.Msg) *dns.Msg // by address
	asked   []string                             // "who what", in order
}

// newPaper is an internet whose resolver knows records.
func newPaper(t *testing.T, records ...string) *paper {
	l := &lab{}
	for _, text := range records {
		l.records = append(l.records, rr(t, text))
	}
	return &paper{resolver: l.reply, servers: map[string]func(q *dns.Msg) *dns.Msg{}}
}

func (p *paper) set(addr string, f func(q *dns.Msg) *dns.Msg) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.servers[addr] = f
}

// count is how many questions began with what.
func (p *paper) count(what string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, q := range p.asked {
		if strings.HasPrefix(q, what) {
			n++
		}
	}
	return n
}

func (p *paper) note(who string, q *dns.Msg) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, who+" "+dns.TypeToString[q.Question[0].Qtype]+" "+q.Question[0].Name)
}

func (p *paper) asker(t *testing.T) *authority.Asker {
	t.Helper()
	a, err := authority.New(authority.Config{Dial: p.dial, Recurse: func(_ context.Context, q *dns.Msg) (*dns.Msg, error) {
		p.note("resolver", q)
		if m := p.resolver(q); m != nil {
			return m, nil
		}
		return nil, errors.New("the line is down")
	}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (p *paper) dial(_ context.Context, _ string, server netip.AddrPort) (net.Conn, error) {
	near, far := net.Pipe()
	go func() {
		defer far.Close()
		buf := make([]byte, 4096)
		n, err := far.Read(buf)
		q := new(dns.Msg)
		if err != nil || q.Unpack(buf[:n]) != nil {
			return
		}
		p.note(server.Addr().String(), q)
		p.mu.Lock()
		answer := p.servers[server.Addr().String()]
		p.mu.Unlock()
		if answer != nil {
			if m := answer(q); m != nil {
				raw, err := m.Pack()
				if err == nil {
					_, _ = far.Write(raw)
				}
				return
			}
		}
		_, _ = far.Read(buf) // silence until the other side hangs up
	}()
	return near, nil
}

// honest answers with authority for records and refuses the rest.
func honest(t *testing.T, records ...string) func(q *dns.Msg) *dns.Msg {
	var list []dns.RR
	for _, text := range records {
		list = append(list, rr(t, text))
	}
	return func(q *dns.Msg) *dns.Msg {
		if q.Question[0].Name == "." {
			return new(dns.Msg).SetRcode(q, dns.RcodeRefused)
		}
		m := new(dns.Msg).SetReply(q)
		m.Authoritative = true
		for _, rr := range list {
			h := dns.Copy(rr).Header()
			wild := strings.HasPrefix(h.Name, "*.") && dns.IsSubDomain(h.Name[2:], q.Question[0].Name)
			if (h.Name == q.Question[0].Name || wild) && h.Rrtype == q.Question[0].Qtype {
				answer := dns.Copy(rr)
				answer.Header().Name = q.Question[0].Name
				m.Answer = append(m.Answer, answer)
			}
		}
		return m
	}
}

// rootAnswer is what a resolver says of the root's servers.
func rootAnswer(t *testing.T, q *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	m.RecursionAvailable = true
	for _, letter := range "abc" {
		m.Answer = append(m.Answer, rr(t, ". 518400 IN NS "+string(letter)+".root-servers.net."))
	}
	return m
}
