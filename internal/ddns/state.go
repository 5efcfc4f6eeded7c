package ddns

// The state file: what was last sent, over restarts. It is small, written
// whole and moved into place, so that a crash leaves the old or the new one.

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/edgeguard/edgeguard/internal/durable"
)

const (
	stateVersion = 1
	maxState     = 64 << 10
)

// stateFile is the file's form.
type stateFile struct {
	Version int           `json:"version"`
	Records []stateRecord `json:"records"`
}

// stateRecord is a memory in the file. Times are RFC 3339.
type stateRecord struct {
	Provider    string     `json:"provider"`
	Domain      string     `json:"domain"`
	Fingerprint string     `json:"fingerprint"`
	Address     netip.Addr `json:"address,omitzero"`
	WrittenAt   time.Time  `json:"written_at,omitzero"`
	Outcome     outcome    `json:"outcome,omitempty"`
	Verified    bool       `json:"verified,omitempty"`
	Repeats     int        `json:"repeats,omitempty"`
	NotBefore   time.Time  `json:"not_before,omitzero"`
	Refusals    int        `json:"refusals,omitempty"`
	Stopped     string     `json:"stopped,omitempty"`
	Action      string     `json:"action,omitempty"`
}

// store keeps the memories of all records and their file. Its methods may be
// called by several goroutines.
type store struct {
	path string // empty means no file
	log  *slog.Logger

	mu      sync.Mutex
	records []stateRecord // guarded by mu; in the order of the config
	warned  bool          // guarded by mu; the file could not be written last time
}

// openStore reads the file for the configured records. Nothing about the file
// is fatal: what cannot be used is set aside with a warning.
func openStore(path string, recs []RecordConfig, log *slog.Logger) *store {
	s := &store{path: path, log: log, records: make([]stateRecord, len(recs))}
	old := s.read()
	for i, rec := range recs {
		s.records[i] = stateRecord{Provider: rec.Provider, Domain: rec.Domain, Fingerprint: rec.fingerprint()}
		for _, o := range old {
			if o.Provider == rec.Provider && o.Domain == rec.Domain && o.Fingerprint == s.records[i].Fingerprint {
				s.records[i] = o
			}
		}
	}
	return s
}

// read returns what the file holds, nil where it holds nothing of use.
func (s *store) read() []stateRecord {
	if s.path == "" {
		return nil
	}
	raw, err := durable.ReadFile(s.path, maxState)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil && !errors.Is(err, durable.ErrTooLarge):
		s.log.Warn("the DDNS state file cannot be read; starting without it", "path", s.path, "err", err)
		return nil
	}
	var recs []stateRecord
	if err == nil {
		recs, err = parseState(raw)
	}
	if err == nil {
		return recs
	}
	aside, failed := durable.SetAside(s.path)
	s.log.Warn("the DDNS state file is damaged or not ours; it is set aside, and records are looked at afresh",
		"path", s.path, "moved_to", aside, "err", errors.Join(err, failed))
	return nil
}

// parseState reads the file's text, which anybody may have written.
func parseState(raw []byte) ([]stateRecord, error) {
	if len(raw) > maxState {
		return nil, fmt.Errorf("it is larger than %d bytes", maxState)
	}
	var file stateFile
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("reading its JSON: %w", err)
	}
	if file.Version != stateVersion {
		return nil, fmt.Errorf("its version is %d, not %d", file.Version, stateVersion)
	}
	for _, r := range file.Records {
		switch r.Outcome {
		case outcomeNone, outcomeSent, outcomeTaken, outcomeUnclear, outcomeFailed:
		default:
			return nil, errors.New("it names an outcome that does not exist")
		}
		if r.Address.IsValid() && !r.Address.Is4() || !r.Address.IsValid() && r.Outcome != outcomeNone {
			return nil, fmt.Errorf("it holds %q where an IPv4 address belongs", r.Address)
		}
	}
	return file.Records, nil
}

// load returns the memory of the record at index i.
func (s *store) load(i int, now time.Time) memory {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[i]
	return memory{Addr: r.Address, At: r.WrittenAt, Outcome: r.Outcome, Verified: r.Verified, Repeats: r.Repeats,
		NotBefore: r.NotBefore, Refusals: r.Refusals, Stopped: r.Stopped, Action: r.Action}.sane(now)
}

// save keeps the memory of the record at index i and writes the file. A file
// that cannot be written is told once; the daemon goes on without.
func (s *store) save(i int, m memory) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[i]
	s.records[i] = stateRecord{Provider: r.Provider, Domain: r.Domain, Fingerprint: r.Fingerprint,
		Address: m.Addr, WrittenAt: m.At, Outcome: m.Outcome, Verified: m.Verified, Repeats: m.Repeats,
		NotBefore: m.NotBefore, Refusals: m.Refusals, Stopped: m.Stopped, Action: m.Action}
	if s.path == "" {
		return
	}
	err := s.write()
	if err != nil && !s.warned {
		s.log.Warn("the DDNS state file cannot be written; after a restart a record may be sent once more than needed",
			"path", s.path, "err", err)
	}
	s.warned = err != nil
}

// write writes the file. s.mu is held.
func (s *store) write() error {
	raw, err := json.MarshalIndent(stateFile{Version: stateVersion, Records: s.records}, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding: %w", err)
	}
	return durable.WriteFile(s.path, func(w io.Writer) error {
		_, err := w.Write(append(raw, '\n'))
		return err
	})
}
