package igdtest

// Events: subscriptions, and notifications to who has one.

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// subscription is one subscriber.
type subscription struct {
	sid      string
	callback *url.URL
	seq      int
}

// subscribe answers SUBSCRIBE and UNSUBSCRIBE.
func (r *Router) subscribe(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, req.Method)
	if r.odd.Events != nil && r.odd.Events(w, req) {
		return
	}
	if sid := req.Header.Get("SID"); sid != "" {
		if r.subscriptions[sid] == nil {
			w.WriteHeader(http.StatusPreconditionFailed)
			return
		}
		if req.Method == "UNSUBSCRIBE" {
			delete(r.subscriptions, sid)
		} else {
			grant(w, sid)
		}
		return
	}
	callback, err := url.Parse(strings.Trim(req.Header.Get("CALLBACK"), "<>"))
	from := netip.MustParseAddrPort(req.RemoteAddr).Addr()
	if err != nil || req.Method != "SUBSCRIBE" || callback.Hostname() != from.String() { // as miniupnpd has it
		w.WriteHeader(http.StatusPreconditionFailed)
		return
	}
	r.subscribed++
	s := &subscription{sid: fmt.Sprintf("uuid:subscription-%d", r.subscribed), callback: callback}
	if r.subscriptions == nil {
		r.subscriptions = make(map[string]*subscription)
	}
	r.subscriptions[s.sid] = s
	grant(w, s.sid)
	r.tasks.Go(func() { r.notify(s, r.addr) })
}

func grant(w http.ResponseWriter, sid string) {
	w.Header()["SID"], w.Header()["TIMEOUT"] = []string{sid}, []string{"Second-1800"}
}

// Notify sends an event to every subscriber from an address, which is the
// router's own unless it is to be a foreign one, and returns how many took it.
func (r *Router) Notify(from netip.Addr) int {
	r.mu.Lock()
	var all []*subscription
	for _, s := range r.subscriptions {
		all = append(all, s)
	}
	r.mu.Unlock()
	taken := 0
	for _, s := range all {
		if r.notify(s, from) {
			taken++
		}
	}
	return taken
}

// notify sends one event and reports whether it was answered with 200.
func (r *Router) notify(s *subscription, from netip.Addr) bool {
	r.mu.Lock()
	seq := s.seq
	s.seq++
	body := "<e:propertyset xmlns:e=\"urn:schemas-upnp-org:event-1-0\"><e:property><ExternalIPAddress>" + r.odd.WAN + "</ExternalIPAddress></e:property></e:propertyset>"
	r.mu.Unlock()
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), Timeout: 5 * time.Second}
	conn, err := dialer.Dial("tcp4", s.callback.Host)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprintf(conn, "NOTIFY %s HTTP/1.1\r\nHOST: %s\r\nNT: upnp:event\r\nNTS: upnp:propchange\r\nSID: %s\r\nSEQ: %d\r\nContent-Length: %d\r\n\r\n%s",
		s.callback.Path, s.callback.Host, s.sid, seq, len(body), body)
	answer, _ := io.ReadAll(conn)
	return strings.HasPrefix(string(answer), "HTTP/1.1 200 ")
}

// Subscribers is how many subscriptions stand.
func (r *Router) Subscribers() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.subscriptions)
}

// ForgetSubscribers drops all subscriptions, as a restart does.
func (r *Router) ForgetSubscribers() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.subscriptions = nil
}

// EventRequests are the methods of the event requests so far.
func (r *Router) EventRequests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.requests...)
}
