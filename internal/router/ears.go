package router

// Ears: the multicast groups in which the router announces itself.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/router/multicast"
	"github.com/edgeguard/edgeguard/internal/router/pcp"
	"github.com/edgeguard/edgeguard/internal/router/ssdp"
	"github.com/edgeguard/edgeguard/internal/watch"
)

// earRetry is how long to wait before a port is tried again that could not be
// had.
const earRetry = time.Minute

// maxDatagram is the most octets of a datagram that are read: more than any
// parser takes.
const maxDatagram = ssdp.MaxReply + 1

// epochSlack is how far an epoch, in whole seconds, and our clock may differ.
const epochSlack = 2 * time.Second

// ear listens to one group.
type ear struct {
	group  netip.AddrPort
	log    *slog.Logger
	report func(EventSource)
	// begin returns what takes the datagrams of the gateway's at a place. It
	// is called anew for each place, from one goroutine.
	begin func(place) func(packet []byte)
	// listen opens the socket; multicast.Listen outside of tests.
	listen func(group netip.AddrPort, local netip.Addr) (*net.UDPConn, error)
}

// ears are the groups that a Router listens to.
func (r *Router) ears() []*ear {
	listened := false
	return []*ear{
		{
			group: pcp.AllHosts, log: r.log, listen: multicast.Listen,
			report: func(s EventSource) { r.reportEvents(func(e *EventSources) { e.Announcements = s }) },
			begin: func(place) func([]byte) {
				// Those of another router. What was answered before the first
				// place was listened at is not: a restart soon after that would
				// have nothing to show in.
				if listened {
					r.forgetEpochs()
				}
				listened = true
				return r.hearAnnouncement
			},
		},
		{
			group: ssdp.Multicast, log: r.log, listen: multicast.Listen,
			report: func(s EventSource) { r.reportEvents(func(e *EventSources) { e.SSDP = s }) },
			begin: func(p place) func([]byte) {
				presence := new(ssdp.Presence)
				return func(packet []byte) { r.hearSSDP(presence, p.gateway, packet) }
			},
		},
	}
}

// run listens until ctx ends, at another place where at says so.
func (e *ear) run(ctx context.Context, at *watch.Value[place]) {
	defer e.report(EventSource{Why: "stopped"})
	for {
		now, moved := at.Get()
		again := (<-chan time.Time)(nil)
		stop := func() {}
		if now.gateway.IsValid() {
			conn, err := e.listen(e.group, now.local)
			if err != nil {
				e.log.Info("cannot listen to what the router announces", "group", e.group, "err", err)
				e.report(EventSource{Why: err.Error()})
				again = time.After(earRetry)
			} else {
				e.log.Debug("listening to what the router announces", "group", e.group, "place", now.String())
				e.report(now.hears())
				stop = e.start(conn, now)
			}
		} else {
			e.report(EventSource{Why: "the router's address is not known"})
		}
		select {
		case <-ctx.Done():
			stop()
			return
		case <-moved:
		case <-again:
		}
		stop()
	}
}

// start reads from conn until the function that it returns is called, which
// closes conn and waits.
func (e *ear) start(conn *net.UDPConn, at place) (stop func()) {
	done := make(chan struct{})
	take := e.begin(at)
	heard := !at.bridged
	go func() {
		defer close(done)
		buffer := make([]byte, maxDatagram)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buffer)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				time.Sleep(100 * time.Millisecond) // such as an interface that went down
				continue
			}
			if from.Addr().Unmap() != at.gateway {
				continue
			}
			if !heard {
				heard = true
				e.report(EventSource{On: true}) // something carries it here after all
			}
			take(buffer[:n])
		}
	}()
	return func() {
		conn.Close()
		<-done
	}
}

// hears is what listening to a group at the place is worth: groups end at the
// edge of the router's network (224.0.0.0/24 always, RFC 5771; SSDP by its
// TTL). We listen all the same, as some networks carry them further.
func (p place) hears() EventSource {
	if p.bridged {
		return EventSource{Why: fmt.Sprintf("the router, %s, is not in a network of this host's, and what it tells all hosts ends at the edge of its own", p.gateway)}
	}
	return EventSource{On: true}
}

// hearAnnouncement takes a datagram of the gateway's to 224.0.0.1:5350.
func (r *Router) hearAnnouncement(packet []byte) {
	a, err := pcp.ParseAnnouncement(packet)
	if err != nil {
		r.murmur.Debug("refused an announcement", "err", err)
		return
	}
	kind := kindNATPMP
	if a.PCP {
		kind = kindPCP
	}
	r.murmur.Debug("the router announced itself", "kind", kind, "epoch", a.Epoch)
	r.noteEpoch(kind, a.Epoch, true)
	r.noteAnnouncement(kind)
	r.hints.give(kind)
}

// hearSSDP takes a datagram of the gateway's to 239.255.255.250:1900.
func (r *Router) hearSSDP(presence *ssdp.Presence, gateway netip.Addr, packet []byte) {
	n, err := ssdp.ParseNotification(packet, gateway)
	if err != nil {
		return // searches, media servers: nothing to speak of
	}
	r.mu.Lock()
	location, bootID := r.known.location, r.known.bootID
	r.mu.Unlock()
	switch presence.Take(n, location, bootID) {
	case ssdp.Gone:
		r.murmur.Debug("the router says goodbye")
		r.hints.give(kindSSDP)
	case ssdp.Back:
		r.suspect(suspicion{why: "it is back after a goodbye (SSDP)", certain: true, location: n.Location.String(), bootID: n.BootID})
		r.hints.give(kindSSDP)
	case ssdp.Moved:
		r.suspect(suspicion{why: "it announces another boot or place (SSDP)", location: n.Location.String(), bootID: n.BootID})
		r.hints.give(kindSSDP)
	case ssdp.Nothing:
	}
}

func (r *Router) forgetEpochs() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.epochs = epochs{}
}
