package memory

// The state file: JSON that anybody may have written.

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/edgeguard/edgeguard/internal/fact"
)

const (
	version = 1
	maxFile = 128 << 10
	maxText = 256 // octets of an identity or a description
)

// file is the file's form.
type file struct {
	Version int      `json:"version"`
	Routers []Router `json:"routers"`
	Made    []Made   `json:"made"`
}

// Nonce is a PCP nonce, in the file as 24 hexadecimal digits.
type Nonce [12]byte

// IsZero reports whether there is none.
func (n Nonce) IsZero() bool { return n == Nonce{} }

// MarshalText implements encoding.TextMarshaler.
func (n Nonce) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, n[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *Nonce) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(n)) {
		return errors.New("a nonce has 24 hexadecimal digits")
	}
	_, err := hex.Decode(n[:], text)
	return err
}

func encode(routers []Router, made []Made) ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // it is no page, and the file's size is bounded
	enc.SetIndent("", "  ")
	err := enc.Encode(file{Version: version, Routers: routers, Made: made})
	return bytes.TrimSpace(text.Bytes()), err
}

// parse reads the file's text. What it returns holds only what this package
// could have written.
func parse(raw []byte) ([]Router, []Made, error) {
	if len(raw) > maxFile {
		return nil, nil, fmt.Errorf("it is larger than %d bytes", maxFile)
	}
	var f file
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, nil, fmt.Errorf("reading its JSON: %w", err)
	}
	switch {
	case f.Version != version:
		return nil, nil, fmt.Errorf("its version is %d, not %d", f.Version, version)
	case len(f.Routers) > MaxRouters || len(f.Made) > MaxMade:
		return nil, nil, fmt.Errorf("it holds %d routers and %d forwards, more than are ever kept", len(f.Routers), len(f.Made))
	}
	for i, r := range f.Routers {
		if err := r.check(); err != nil {
			return nil, nil, err
		}
		if slices.ContainsFunc(f.Routers[:i], func(o Router) bool { return o.ID == r.ID }) {
			return nil, nil, fmt.Errorf("it holds the router %q twice", r.ID)
		}
	}
	for i, e := range f.Made {
		if err := e.check(); err != nil {
			return nil, nil, err
		}
		if slices.ContainsFunc(f.Made[:i], e.same) {
			return nil, nil, fmt.Errorf("it holds port %d twice", e.ExternalPort)
		}
	}
	return f.Routers, f.Made, nil
}

// check reports what nothing of ours holds.
func (r Router) check() error {
	switch {
	case !isText(r.ID) || r.ID == "":
		return errors.New("it holds a router without an identity")
	case !isText(r.EndlessWhy):
		return errors.New("it holds a reason that is no plain text")
	case r.Method != "" && !isMethod(r.Method):
		return fmt.Errorf("it names the method %q", r.Method)
	case r.Gateway.Zone() != "" || r.Gateway.Is4In6():
		return fmt.Errorf("it holds the gateway %q", r.Gateway)
	case r.OwnHostOnly.Year() > 9999 || r.OwnHostOnly.Year() < 0:
		return errors.New("it holds a time that is none")
	}
	return nil
}

// check reports what nothing of ours holds.
func (a Made) check() error {
	host := a.Internal.Addr()
	switch {
	case a.Router == "" || !isText(a.Router):
		return errors.New("it holds a forward without a router")
	case a.Protocol != fact.TCP && a.Protocol != fact.UDP:
		return fmt.Errorf("it names the protocol %q", a.Protocol)
	case a.ExternalPort == 0 || a.Internal.Port() == 0 || !host.IsValid():
		return errors.New("it holds a forward without its ports")
	case host.Zone() != "" || host.Is4In6() || host.IsUnspecified():
		return fmt.Errorf("it holds the internal client %q", host)
	case !isMethod(a.Method):
		return fmt.Errorf("it names the method %q", a.Method)
	case !isText(a.Description):
		return errors.New("it holds a description that is no plain text")
	case (a.Method == fact.MethodPCP) == a.Nonce.IsZero():
		return errors.New("it holds a nonce where none belongs, or none where one does")
	}
	return nil
}

func isMethod(m fact.Method) bool {
	return m == fact.MethodIGD || m == fact.MethodPCP || m == fact.MethodNATPMP
}

// isText reports whether text is short, valid and of one line.
func isText(text string) bool {
	if len(text) > maxText || !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		if unicode.IsControl(r) {
			return false
		}
	}
	return true
}
