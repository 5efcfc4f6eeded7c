package status

// GET /nic/update: routers push their address here, in the manner of dyndns2.
// What is pushed wakes us and is never more than a hint. The one request that
// does something, it needs a user and a password, and is counted.

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/secret"
)

const (
	pushPath = "/nic/update"
	// pushKind is what ServerConfig.Push is called with.
	pushKind = "push"
	// maxPushNames bounds the names in one request.
	maxPushNames = 20
)

// PushAccess is who may push, and about which names.
type PushAccess struct {
	// User and Password are what must be given by Basic authentication (RFC
	// 7617).
	User     string
	Password secret.Value
	// Names are the names that may be pushed, canonical.
	Names []string
}

// push answers a router. Every answer is plain text in dyndns2's words.
func (s *Server) push(w http.ResponseWriter, r *http.Request) {
	say := func(status int, words string) { reply(w, status, textType, []byte(words+"\n")) }
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	access, on := PushAccess{}, false
	if s.cfg.PushAccess != nil && s.cfg.Push != nil {
		access, on = s.cfg.PushAccess()
	}
	switch {
	case !on || access.User == "" || access.Password.IsZero():
		say(http.StatusNotFound, "Pushing is off. To switch it on, set user and password in [push] of the config.")
		return
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", "GET")
		say(http.StatusMethodNotAllowed, "badagent")
		return
	case fromAnotherSite(r):
		say(http.StatusForbidden, "badagent")
		return
	case err != nil || s.pushes.flooded(peer.Addr()):
		w.Header().Set("Retry-After", "60")
		say(http.StatusTooManyRequests, "abuse")
		return
	case !authentic(r, access):
		s.cfg.Log.Warn("a push with a wrong user or password was refused", "from", peer.Addr())
		s.pushes.failed(peer.Addr())
		w.Header().Set("WWW-Authenticate", `Basic realm="edgeguard", charset="UTF-8"`)
		say(http.StatusUnauthorized, "badauth")
		return
	}
	snapshot := s.cfg.Snapshot()
	if snapshot == nil {
		say(http.StatusServiceUnavailable, "911")
		return
	}
	say(http.StatusOK, s.take(r, access, snapshot))
}

// take hands an authentic push on, and returns the answer.
func (s *Server) take(r *http.Request, access PushAccess, snapshot *Snapshot) string {
	query := r.URL.Query()
	names, refused := pushedNames(query.Get("hostname"), access.Names)
	if names == nil {
		return refused
	}
	pushed, known := pushedAddress(query.Get("myip")), snapshot.WAN.IPv4
	if pushed.Is6() {
		known = snapshot.WAN.IPv6
	}
	verdict := "good"
	switch {
	case known != nil && *known == pushed:
		verdict = "nochg"
	case !pushed.IsValid() && known == nil:
		verdict = "911" // there is no address to answer with; the router will come again
		s.cfg.Push(pushKind)
	default:
		s.cfg.Push(pushKind)
	}
	s.cfg.Log.Info("a router pushed its address; it is looked at", "from", r.RemoteAddr, "address", pushed, "answer", verdict)
	if verdict == "911" {
		return verdict
	}
	if !pushed.IsValid() {
		pushed = *known
	}
	var lines []string
	for _, line := range names {
		if line == "" {
			line = verdict + " " + pushed.String()
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// pushedNames returns an answer for each name, empty where it is one of ours;
// nil, with the answer for all, where none is.
func pushedNames(list string, ours []string) (answers []string, refused string) {
	if list == "" {
		return []string{""}, ""
	}
	all := strings.Split(list, ",")
	if len(all) > maxPushNames {
		return nil, "numhost"
	}
	any := false
	for _, name := range all {
		name = fact.CanonicalName(strings.TrimSpace(name))
		switch {
		case slices.Contains(ours, name):
			answers, any = append(answers, ""), true
		case !isHostName(strings.TrimPrefix(name, "*.")) || !strings.Contains(name, "."):
			answers = append(answers, "notfqdn")
		default:
			answers = append(answers, "nohost")
		}
	}
	if !any {
		return nil, strings.Join(answers, "\n")
	}
	return answers, ""
}

// pushedAddress is the first address of myip, which may hold one of each
// family; the zero Addr where there is none.
func pushedAddress(text string) netip.Addr {
	first, _, _ := strings.Cut(text, ",")
	addr, err := netip.ParseAddr(strings.TrimSpace(first))
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}
	}
	return addr.Unmap()
}

// authentic compares in a time that tells nothing of how much was right.
func authentic(r *http.Request, access PushAccess) bool {
	user, password, given := r.BasicAuth()
	same := func(a, b string) int {
		x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
		return subtle.ConstantTimeCompare(x[:], y[:])
	}
	return same(user, access.User)&same(password, access.Password.Reveal()) == 1 && given
}

// fromAnotherSite reports whether a browser was sent here by another page, which
// may use a password that the browser remembers (Fetch Metadata, Origin).
func fromAnotherSite(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return r.Header.Get("Origin") != "" || site != "" && site != "none" && site != "same-origin"
}
