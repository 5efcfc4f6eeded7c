package ssdp

// What a router says of itself unasked (UPnP Device Architecture 2.0, section
// 1.2), and what of it is news.

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// Notification is an ssdp:alive or ssdp:byebye that passed all checks.
type Notification struct {
	// Byebye is whether the device goes; it is there otherwise.
	Byebye bool
	// Target is what the notification is about (NT): one of the targets that
	// only a router has.
	Target string
	// Location is where the description is, as in Reply; nil in a byebye.
	Location *url.URL
	// BootID is as in Reply.
	BootID string
}

// ParseNotification reads a datagram that came from the address from. It
// refuses whatever is not a notification of a router, and a LOCATION that is
// not on from.
func ParseNotification(packet []byte, from netip.Addr) (Notification, error) {
	if len(packet) > MaxReply {
		return Notification{}, fmt.Errorf("it has more than %d octets", MaxReply)
	}
	lines := strings.Split(string(packet), "\n")
	if request := strings.Fields(lines[0]); len(request) != 3 || request[0] != "NOTIFY" || request[1] != "*" || !strings.HasPrefix(request[2], "HTTP/1.") {
		return Notification{}, errors.New("it is no notification")
	}
	headers, err := parseHeaders(lines[1:])
	if err != nil {
		return Notification{}, err
	}
	n := Notification{Target: headers["NT"], BootID: headers["BOOTID.UPNP.ORG"]}
	if !ofRouter(n.Target) {
		return Notification{}, errors.New("it is not about a router")
	}
	switch headers["NTS"] {
	case "ssdp:byebye":
		n.Byebye = true
		return n, nil
	case "ssdp:alive":
		n.Location, err = parseLocation(headers["LOCATION"], from)
		return n, err
	}
	return Notification{}, errors.New("it is neither alive nor byebye")
}

// ofRouter reports whether only a router has the target, so that a media
// server on the same box does not count. There are few such targets, which
// bounds what a Presence keeps.
func ofRouter(target string) bool {
	for _, t := range targets {
		if t == target && rank(t) < 2 {
			return true
		}
	}
	return false
}

// News is what a notification tells.
type News int

// The kinds of news.
const (
	// Nothing means that all is as it was.
	Nothing News = iota
	// Gone means that the router has said goodbye.
	Gone
	// Back means that it is back after a goodbye: it has restarted, whatever
	// else it says.
	Back
	// Moved means that it has another BOOTID or LOCATION than before.
	Moved
)

// Presence follows the notifications of one router. The zero Presence has
// heard nothing. It is for one caller at a time.
type Presence struct {
	gone bool
	// since is what the router said when it had restarted; nil before that.
	since *said
	// seen is what was said since then about each target: some routers have a
	// description for each, so they are not compared with each other.
	seen map[string]said
}

type said struct{ location, bootID string }

// Take notes n and tells what is new in it. location and bootID are what the
// router answered to the last search, empty where it answered nothing. They
// are what a target is compared with that was not heard of before, and then
// only the LOCATION's host and port count.
func (p *Presence) Take(n Notification, location, bootID string) News {
	if n.Byebye {
		if p.gone {
			return Nothing
		}
		p.gone = true
		return Gone
	}
	now := said{n.Location.String(), n.BootID}
	if p.since != nil {
		location, bootID = p.since.location, p.since.bootID
	}
	before, heard := p.seen[n.Target]
	other := heard && now != before || !heard && (differ(n.BootID, bootID) || differ(n.Location.Host, hostOf(location)))
	switch fresh := (Presence{since: &now, seen: map[string]said{n.Target: now}}); {
	case p.gone:
		*p = fresh
		return Back
	case other:
		*p = fresh
		return Moved
	}
	if p.seen == nil {
		p.seen = make(map[string]said)
	}
	p.seen[n.Target] = now
	return Nothing
}

// differ reports whether a and b are known and not the same.
func differ(a, b string) bool { return a != "" && b != "" && a != b }

func hostOf(location string) string {
	u, err := url.Parse(location)
	if err != nil {
		return ""
	}
	return u.Host
}
