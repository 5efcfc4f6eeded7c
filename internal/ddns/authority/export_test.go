package authority

import "github.com/miekg/dns"

// ParseReply lets the fuzzer reach the one parser of foreign bytes.
var ParseReply = parseReply

// ReadReply reads a server's reply to the question for name.
func ReadReply(msg *dns.Msg, name string, qtype uint16) (r Reply) {
	r.read(msg, wired{name: name, qtype: qtype})
	return r
}

// Kept is how many zones are kept.
func (a *Asker) Kept() int {
	a.zones.mu.Lock()
	defer a.zones.mu.Unlock()
	return len(a.zones.of)
}
