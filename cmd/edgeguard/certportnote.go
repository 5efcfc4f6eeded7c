package main

// The forward of port 80 as it is written down before it is made.

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/edgeguard/edgeguard/internal/durable"
	"github.com/edgeguard/edgeguard/internal/fact"
)

const (
	portNoteVersion = 1
	maxPortNote     = 4 << 10
)

// portNote is the file's form.
type portNote struct {
	Version  int            `json:"version"`
	Method   fact.Method    `json:"method"`
	Internal netip.AddrPort `json:"internal"`
	// Nonce is that of PCP, in hexadecimal; without it nobody can take the
	// mapping away.
	Nonce string `json:"nonce,omitempty"`
	// Router is which router it was made on; empty where that is not known.
	Router string `json:"router,omitempty"`
	// Until is when its lease ends.
	Until time.Time `json:"until"`
}

// parsePortNote reads the file's text, which anybody may have written.
func parsePortNote(raw []byte) (*portNote, error) {
	n := &portNote{}
	if err := json.Unmarshal(raw, n); err != nil {
		return nil, fmt.Errorf("reading its JSON: %w", err)
	}
	if n.Version != portNoteVersion {
		return nil, fmt.Errorf("its version is %d, not %d", n.Version, portNoteVersion)
	}
	_, err := n.made()
	return n, err
}

// made is the forward that it speaks of.
func (n *portNote) made() (madeMapping, error) {
	m := madeMapping{method: n.Method, external: httpPort}
	nonce, err := hex.DecodeString(n.Nonce)
	switch {
	case !n.Internal.Addr().Is4() || n.Internal.Port() == 0:
		return m, errors.New("it leads nowhere")
	case n.Method == fact.MethodIGD:
		m.mapping = fact.Mapping{Protocol: fact.TCP, ExternalPort: httpPort, Internal: n.Internal, Description: portMark}
		return m, nil
	case n.Method != fact.MethodPCP && n.Method != fact.MethodNATPMP:
		return m, errors.New("its method is none")
	case err != nil || len(nonce) != 12:
		return m, errors.New("its nonce is none")
	}
	m.request = fact.Request{Method: n.Method, Protocol: fact.TCP, Internal: n.Internal, ExternalPort: httpPort, Nonce: [12]byte(nonce)}
	return m, nil
}

// note writes down what is about to be asked for.
func (p *certPorts) note(m madeMapping, until time.Time) error {
	n := portNote{Version: portNoteVersion, Method: m.method, Internal: m.mapping.Internal, Router: p.mapper.router.Identity(), Until: until}
	if m.method != fact.MethodIGD {
		n.Internal, n.Nonce = m.request.Internal, hex.EncodeToString(m.request.Nonce[:])
	}
	text, err := json.Marshal(n)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(p.file()), 0o700)
	}
	if err == nil {
		err = durable.Save(p.file(), text)
	}
	if err != nil {
		return fmt.Errorf("it is not asked for, as it cannot be written down so that a crash does not leave it open: %w", err)
	}
	return nil
}

// forget notes that nothing stands.
func (p *certPorts) forget() error {
	if err := os.Remove(p.file()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("noting that port 80 is no longer forwarded: %w", err)
	}
	return nil
}

// noted is what was written down; nil where nothing is.
func (p *certPorts) noted() (n *portNote, err error) {
	err = durable.Load(p.file(), maxPortNote, func(text []byte) (err error) {
		n, err = parsePortNote(text)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading which forward of port 80 may have been left open: %w", err)
	}
	return n, nil
}
