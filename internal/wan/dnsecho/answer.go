package dnsecho

// Reading the answer: it must be the one record that the service gives, and
// nothing else.

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// answerError is an answer that a true server would not give.
type answerError struct{ text string }

func (e *answerError) Error() string { return e.text }

// hijacked ends the words for answers that only somebody in between gives.
const hijacked = "; a router or provider may be intercepting DNS (port 53)"

// errNotOurs means that a message is no answer to the question.
var errNotOurs = errors.New("the message is no answer to the question")

// parse reads one message as the answer to question. Errors are errNotOurs,
// errTruncated or an *answerError.
func (s Service) parse(message []byte, question *dns.Msg) (netip.Addr, error) {
	var m dns.Msg
	if len(message) > maxAnswer || m.Unpack(message) != nil {
		return netip.Addr{}, errNotOurs
	}
	asked := question.Question[0]
	if m.Id != question.Id || !m.Response || m.Opcode != dns.OpcodeQuery || len(m.Question) != 1 || m.Question[0] != asked {
		return netip.Addr{}, errNotOurs // the case of the letters must come back, too
	}
	switch {
	case m.Truncated:
		return netip.Addr{}, errTruncated
	case m.Rcode != dns.RcodeSuccess:
		code := dns.RcodeToString[m.Rcode]
		if code == "" {
			code = fmt.Sprint(m.Rcode)
		}
		return netip.Addr{}, &answerError{"the answer is the error " + code + hijacked}
	case s.authoritative && !m.Authoritative:
		return netip.Addr{}, &answerError{"the answer is not the server's own but a resolver's" + hijacked}
	}
	return one(m.Answer, asked)
}

// one is the address in answers, of which there must be exactly one.
func one(answers []dns.RR, asked dns.Question) (netip.Addr, error) {
	var found []netip.Addr
	for _, rr := range answers {
		h := rr.Header()
		if h.Rrtype != asked.Qtype || h.Class != asked.Qclass || !strings.EqualFold(h.Name, asked.Name) {
			return netip.Addr{}, &answerError{"the answer holds other records than were asked for" + hijacked}
		}
		addr, ok, err := address(rr)
		if err != nil {
			return netip.Addr{}, err
		}
		if ok {
			found = append(found, addr)
		}
	}
	if len(found) != 1 {
		return netip.Addr{}, &answerError{fmt.Sprintf("the answer holds %d addresses instead of one%s", len(found), hijacked)}
	}
	return found[0], nil
}

// address reads one record. ok is false for Google's note on the subnet of the
// client, which stands beside the address where a resolver asked.
func address(rr dns.RR) (addr netip.Addr, ok bool, err error) {
	switch rr := rr.(type) {
	case *dns.A:
		addr, ok = netip.AddrFromSlice(rr.A.To4())
	case *dns.AAAA:
		addr, ok = netip.AddrFromSlice(rr.AAAA)
	case *dns.TXT:
		if len(rr.Txt) != 1 {
			break
		}
		if strings.HasPrefix(rr.Txt[0], "edns0-client-subnet ") {
			return netip.Addr{}, false, nil
		}
		addr, err = netip.ParseAddr(rr.Txt[0])
		ok = err == nil && addr.Zone() == ""
	}
	if !ok {
		return netip.Addr{}, false, &answerError{"the answer holds no address" + hijacked}
	}
	return addr.Unmap(), true, nil
}
