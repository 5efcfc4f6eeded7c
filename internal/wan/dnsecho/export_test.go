package dnsecho

// What the tests reach into.

import (
	"net/netip"

	"github.com/miekg/dns"
)

// Parse is parse.
func (s Service) Parse(message []byte, question *dns.Msg) (netip.Addr, error) {
	return s.parse(message, question)
}

// Message is message.
func (s Service) Message(six bool) *dns.Msg { return s.message(six) }
