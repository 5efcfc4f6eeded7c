//go:build linux

package lab

// What the running daemon says about itself.

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"

	"github.com/edgeguard/edgeguard/internal/status/schematest"
)

// StatusPort is where the daemon serves its status, unless configured
// otherwise.
const StatusPort = 8053

// Status is the part of the status JSON that most tests look at.
type Status struct {
	Status string `json:"status"`
	Chain  []Link `json:"chain"`
	// Raw is the whole JSON, to read further or to search.
	Raw []byte `json:"-"`
}

// Link is one link of the chain.
type Link struct {
	ID      string `json:"id"`
	Status  string `json:"status"`
	Summary string `json:"summary"`
	Action  string `json:"action"`
}

// Link returns the link with this id, or the zero Link.
func (s Status) Link(id string) Link {
	for _, l := range s.Chain {
		if l.ID == id {
			return l
		}
	}
	return Link{}
}

// Get fetches a path of the daemon's HTTP surface, asked on its own host. An
// answer other than 200 is an error.
func (d *Daemon) Get(path string) ([]byte, error) {
	address := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), StatusPort)
	answer, err := d.host.HTTPClient(nil).Get("http://" + address.String() + path)
	if err != nil {
		return nil, fmt.Errorf("asking the daemon: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 8<<20))
	if err != nil {
		return nil, fmt.Errorf("reading the daemon's answer: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the daemon answered %s to %s: %s", answer.Status, path, body)
	}
	return body, nil
}

// Status asks the daemon for its status. One that docs/status.schema.json does not
// describe is an error.
func (d *Daemon) Status() (Status, error) {
	var s Status
	raw, err := d.StatusJSON()
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, fmt.Errorf("reading the daemon's status: %w: %s", err, raw)
	}
	s.Raw = raw
	return s, nil
}

// StatusJSON is the text that Status reads.
func (d *Daemon) StatusJSON() ([]byte, error) {
	raw, err := d.Get("/api/v1/status")
	if err != nil {
		return nil, err
	}
	return raw, conforms(raw)
}

// conforms returns what in a status the schema of the daemon's source tree does
// not describe, as one error.
func conforms(raw []byte) error {
	schema, err := schemaOnce()
	if err != nil {
		return fmt.Errorf("reading the schema of the status: %w", err)
	}
	if wrong := schema.Check(raw); wrong != nil {
		return fmt.Errorf("the daemon's status is not as docs/status.schema.json describes it: %s", strings.Join(wrong, "; "))
	}
	return nil
}

// schemaOnce reads the schema of the source tree that the daemon is built from.
var schemaOnce = sync.OnceValues(func() (*schematest.Schema, error) {
	root, err := sourceRoot()
	if err != nil {
		return nil, err
	}
	return schematest.Load(filepath.Join(root, "docs", "status.schema.json"))
})

// WantLink returns a check for Eventually: the link has this status ("pass",
// "warn", "fail" or "unknown").
func (d *Daemon) WantLink(id, want string) func() error {
	return func() error {
		s, err := d.Status()
		if err != nil {
			return err
		}
		if l := s.Link(id); l.Status != want {
			return fmt.Errorf("the link %s is %q (%s), not %q", id, l.Status, l.Summary, want)
		}
		return nil
	}
}
