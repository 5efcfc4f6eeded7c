//go:build linux

package lab

// What the running daemon says about itself.

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
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

// Status asks the daemon for its status.
func (d *Daemon) Status() (Status, error) {
	var s Status
	raw, err := d.Get("/api/v1/status")
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, fmt.Errorf("reading the daemon's status: %w: %s", err, raw)
	}
	s.Raw = raw
	return s, nil
}

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
