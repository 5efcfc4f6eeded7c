package ssdp

// Other hosts that answer as routers. They are named, and never asked for
// anything.

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/edgeguard/edgeguard/internal/tidy"
)

const (
	maxOthers    = 16  // hosts of one search that are kept
	maxStrangers = 256 // datagrams of theirs that are read on one socket
	maxServer    = 64  // octets of what one calls itself
)

// Other is another host that answered as a router.
type Other struct {
	// Address is where its answer came from.
	Address netip.Addr
	// Server is its SERVER header, cut and cleaned; may be empty.
	Server string
}

// ParseOther reads a reply of another host's than the gateway, and refuses it
// unless it answers as an internet gateway or one of its services. Where the
// description is does not matter: it is not fetched.
func ParseOther(packet []byte, from netip.Addr) (Other, error) {
	if len(packet) > MaxReply {
		return Other{}, fmt.Errorf("it has more than %d octets", MaxReply)
	}
	headers, err := replyHeaders(packet)
	if err != nil {
		return Other{}, err
	}
	if rank(headers["ST"]) == rankOther {
		return Other{}, errors.New("it does not answer as a router")
	}
	return Other{Address: from, Server: tidy.Line(headers["SERVER"], maxServer)}, nil
}

// replyHeaders returns the headers of a reply to a search, names in upper case.
func replyHeaders(packet []byte) (map[string]string, error) {
	lines := strings.Split(string(packet), "\n")
	if status := strings.Fields(lines[0]); len(status) < 2 || !strings.HasPrefix(status[0], "HTTP/1.") || status[1] != "200" {
		return nil, errors.New("it is no reply to a search")
	}
	return parseHeaders(lines[1:])
}
