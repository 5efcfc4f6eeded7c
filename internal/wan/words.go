package wan

// Foreign text on its way to people: cut, and cleaned of what could steer a
// terminal or forge a log line.

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/edgeguard/edgeguard/internal/tidy"
)

// maxWords bounds one foreign text, in bytes.
const maxWords = 300

// clean makes text one short, harmless line.
func clean(text string) string { return tidy.Line(text, maxWords) }

// quote shows foreign text within quotes, cut.
func quote(text string) string { return strconv.Quote(clean(text)) }

// words puts a failure to ask source into a text that stays the same while the
// failure does: no ephemeral ports, no name that the reader sees anyway.
func words(source string, err error) string {
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	var op *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.As(err, &op) && op.Timeout():
		return "no answer in time"
	case errors.As(err, &op) && op.Op == "dial" && op.Addr != nil:
		return clean("connecting to " + op.Addr.String() + ": " + op.Err.Error())
	case errors.As(err, &op):
		return clean("connection lost: " + op.Err.Error())
	}
	return clean(strings.TrimPrefix(err.Error(), "asking "+source+": "))
}
