package router

// Ears: the multicast groups in which the router announces itself.

import (
	"context"
	"errors"
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
	return []*ear{
		{
			group: pcp.AllHosts, log: r.log, listen: multicast.Listen,
			report: func(s EventSource) { r.reportEvents(func(e *EventSources) { e.Announcements = s }) },
			begin: func(place) func([]byte) {
				r.forgetEpochs() // those of another router
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
				e.report(EventSource{On: true})
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
			if from.Addr().Unmap() == at.gateway {
				take(buffer[:n])
			}
		}
	}()
	return func() {
		conn.Close()
		<-done
	}
}

// hearAnnouncement takes a datagram of the gateway's to 224.0.0.1:5350.
func (r *Router) hearAnnouncement(packet []byte) {
	a, err := pcp.ParseAnnouncement(packet)
	if err != nil {
		r.log.Debug("refused an announcement", "err", err)
		return
	}
	kind := kindNATPMP
	if a.PCP {
		kind = kindPCP
	}
	r.log.Debug("the router announced itself", "kind", kind, "epoch", a.Epoch)
	r.noteEpoch(kind, a.Epoch)
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
		r.log.Debug("the router says goodbye")
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

// noteEpoch follows the epochs that the router tells. One that began after the
// router was found is new, too.
func (r *Router) noteEpoch(kind string, epoch uint32) {
	now := time.Now()
	r.mu.Lock()
	restarted := false
	if kind == kindPCP {
		restarted = r.epochs.pcp.PCP(epoch, now)
	} else {
		restarted = r.epochs.natpmp.NATPMP(epoch, now)
	}
	since := now.Add(-time.Duration(epoch) * time.Second)
	if found := r.known.began; !found.IsZero() && since.After(found.Add(epochSlack)) {
		restarted = true
	}
	r.mu.Unlock()
	if restarted {
		r.suspect(suspicion{why: "its epoch (" + kind + ") started anew", notBefore: now.Add(epochGrace)})
	}
}

func (r *Router) forgetEpochs() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.epochs = epochs{}
}
