package wire

// The EDNS options that concern a client and us alone: cookies (RFC 7873) and
// the TCP keepalive (RFC 7828). They never travel further.

// Option codes, by IANA number.
const (
	optionCookie    = 10
	optionKeepalive = 11
)

const (
	// clientCookieLen is the size of a client cookie (RFC 7873, section 4).
	clientCookieLen = 8
	// ServerCookieLen is the size of our server cookies (RFC 9018, section 4).
	ServerCookieLen = 16
	// minCookie and maxCookie bound a client cookie with a server's behind it.
	minCookie, maxCookie = 16, 40
	// optionHead is an option's code and length.
	optionHead = 4
)

// options is what a question's OPT record asks of us and what the reply's will
// say.
type options struct {
	cookie    [maxCookie]byte
	cookieLen uint8 // 0 without a cookie
	keepalive bool  // the client asks for how long a connection may be silent

	server        [ServerCookieLen]byte
	sendCookie    bool
	sendKeepalive bool
	idle          uint16 // in units of 100 ms
}

// read looks through the octets of an OPT record's data. Unknown options are
// passed over. It reports false where one is cut short, or is a cookie or a
// keepalive of a size that there is not: such a question is malformed
// (RFC 7873, section 5.2.2). Of several cookies the first counts.
func (o *options) read(data []byte) bool {
	for len(data) > 0 {
		if len(data) < optionHead {
			return false
		}
		code, size := be.Uint16(data), int(be.Uint16(data[2:]))
		if data = data[optionHead:]; size > len(data) {
			return false
		}
		switch code {
		case optionCookie:
			if size != clientCookieLen && (size < minCookie || size > maxCookie) {
				return false
			}
			if o.cookieLen == 0 {
				o.cookieLen = uint8(copy(o.cookie[:], data[:size]))
			}
		case optionKeepalive:
			if size != 0 && size != 2 {
				return false
			}
			o.keepalive = true
		}
		data = data[size:]
	}
	return true
}

// size returns how many octets the reply's options take.
func (o *options) size() int {
	n := 0
	if o.sendCookie {
		n += optionHead + clientCookieLen + ServerCookieLen
	}
	if o.sendKeepalive {
		n += optionHead + 2
	}
	return n
}

// appendTo appends the reply's options.
func (o *options) appendTo(dst []byte) []byte {
	if o.sendCookie {
		dst = be.AppendUint16(dst, optionCookie)
		dst = be.AppendUint16(dst, clientCookieLen+ServerCookieLen)
		dst = append(dst, o.cookie[:clientCookieLen]...)
		dst = append(dst, o.server[:]...)
	}
	if o.sendKeepalive {
		dst = be.AppendUint16(dst, optionKeepalive)
		dst = be.AppendUint16(dst, 2)
		dst = be.AppendUint16(dst, o.idle)
	}
	return dst
}

// Cookie returns the client cookie, and the server cookie that the client sent
// back; each is nil where there is none. The slices are q's own; they must not
// be changed.
func (q *Question) Cookie() (client, server []byte) {
	switch n := q.options.cookieLen; {
	case n == 0:
		return nil, nil
	case n == clientCookieLen:
		return q.options.cookie[:clientCookieLen], nil
	default:
		return q.options.cookie[:clientCookieLen], q.options.cookie[clientCookieLen:n]
	}
}

// WantsOptions reports whether q holds an option that the reply may answer with
// one of its own.
func (q *Question) WantsOptions() bool { return q.options.cookieLen != 0 || q.options.keepalive }

// SetCookie makes every reply to q carry its client cookie and this server
// cookie. It does nothing where the client sent none.
func (q *Question) SetCookie(server [ServerCookieLen]byte) {
	q.options.server, q.options.sendCookie = server, q.options.cookieLen != 0
}

// WantsKeepalive reports whether the client asks for how long its connection
// may be silent. It means something over TCP only (RFC 7828, section 3.2.1).
func (q *Question) WantsKeepalive() bool { return q.options.keepalive }

// SetKeepalive makes every reply to q say for how long the connection may be
// silent, in units of 100 ms; 0 asks the client to close it. It does nothing
// where the client did not ask.
func (q *Question) SetKeepalive(idle uint16) {
	q.options.idle, q.options.sendKeepalive = idle, q.options.keepalive
}

// Limit returns the octets that a reply to q may have without the options that
// it carries: those of limit, and for a limit of 0, what the client takes over
// UDP.
func (q *Question) Limit(limit int) int {
	if limit == 0 {
		return q.UDPLimit()
	}
	return limit - q.options.size()
}
