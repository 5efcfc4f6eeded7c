package ddns

// The state file: what was last sent, over restarts. It is small, written
// whole and moved into place, so that a crash leaves the old or the new one.

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/edgeguard/edgeguard/internal/durable"
)

const (
	stateVersion = 2
	maxState     = 64 << 10
)

// stateFile is the file's form. Version 1 knew A records only and had no Type,
// no Salt and another fingerprint; it is read, and written as version 2.
type stateFile struct {
	Version int           `json:"version"`
	Records []stateRecord `json:"records"`
}

// stateRecord is a memory in the file. Times are RFC 3339.
type stateRecord struct {
	Provider    string     `json:"provider"`
	Domain      string     `json:"domain"`
	Type        string     `json:"type"`
	Salt        string     `json:"salt"`
	Fingerprint string     `json:"fingerprint"`
	Address     netip.Addr `json:"address,omitzero"`
	WrittenAt   time.Time  `json:"written_at,omitzero"`
	PriorAt     time.Time  `json:"prior_at,omitzero"`
	Outcome     outcome    `json:"outcome,omitempty"`
	Verified    bool       `json:"verified,omitempty"`
	Stands      netip.Addr `json:"stands,omitzero"`
	Repeats     int        `json:"repeats,omitempty"`
	Edits       int        `json:"edits,omitempty"`
	EditedAt    time.Time  `json:"edited_at,omitzero"`
	DeletedAt   time.Time  `json:"deleted_at,omitzero"`
	NotBefore   time.Time  `json:"not_before,omitzero"`
	Refusals    int        `json:"refusals,omitempty"`
	Stopped     string     `json:"stopped,omitempty"`
	Action      string     `json:"action,omitempty"`
}

// keep puts m into r.
func (r *stateRecord) keep(m memory) {
	r.Address, r.WrittenAt, r.PriorAt, r.Outcome, r.Verified, r.Stands = m.Addr, m.At, m.Prior, m.Outcome, m.Verified, m.Stands
	r.Repeats, r.Edits, r.EditedAt, r.DeletedAt = m.Repeats, m.Edits, m.EditedAt, m.Deleted
	r.NotBefore, r.Refusals, r.Stopped, r.Action = m.NotBefore, m.Refusals, m.Stopped, m.Action
}

// memory is what r holds.
func (r stateRecord) memory() memory {
	return memory{Addr: r.Address, At: r.WrittenAt, Prior: r.PriorAt, Outcome: r.Outcome, Verified: r.Verified, Stands: r.Stands,
		Repeats: r.Repeats, Edits: r.Edits, EditedAt: r.EditedAt, Deleted: r.DeletedAt,
		NotBefore: r.NotBefore, Refusals: r.Refusals, Stopped: r.Stopped, Action: r.Action}
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
	s := &store{path: path, log: log}
	s.adopt(s.read(), recs)
	return s
}

// peekStore is openStore for one who only looks: the file stays as it is,
// whatever is in it, and what is saved is kept in memory.
func peekStore(path string, recs []RecordConfig, log *slog.Logger) *store {
	s := &store{log: log}
	var old []stateRecord
	raw, err := durable.ReadFile(path, maxState)
	if err == nil {
		old, err = parseState(raw)
	}
	if err != nil {
		log.Debug("nothing is known of earlier writes", "path", path, "err", err)
	}
	s.adopt(old, recs)
	return s
}

// adopt takes over what a file held of the configured records.
func (s *store) adopt(old []stateRecord, recs []RecordConfig) {
	s.records = make([]stateRecord, len(recs))
	for i, rec := range recs {
		made := &s.records[i]
		for _, o := range old {
			if o.Provider != rec.Provider || o.Domain != rec.Domain || o.Type != rec.Type {
				continue
			}
			switch {
			case o.Salt == "" && o.Fingerprint == rec.fingerprintV1():
				*made = o
				made.Salt, made.Fingerprint = "", ""
			case o.Salt != "" && o.Fingerprint == rec.fingerprint(o.Salt):
				*made = o
			}
			break // a second one of the same record is not ours
		}
		if made.Salt == "" {
			made.Provider, made.Domain, made.Type, made.Salt = rec.Provider, rec.Domain, rec.Type, newSalt()
			made.Fingerprint = rec.fingerprint(made.Salt)
		}
	}
}

// read returns what the file holds, nil where it holds nothing of use.
func (s *store) read() []stateRecord {
	var recs []stateRecord
	err := durable.Load(s.path, maxState, func(raw []byte) (err error) {
		recs, err = parseState(raw)
		return err
	})
	var damaged *durable.DamagedError
	switch {
	case errors.As(err, &damaged):
		s.log.Warn("the DDNS state file is damaged or not ours; it is set aside, and records are looked at afresh",
			"path", s.path, "moved_to", damaged.MovedTo, "err", damaged.Err)
		return nil
	case err != nil:
		s.log.Warn("the DDNS state file cannot be read; starting without it", "path", s.path, "err", err)
		return nil
	}
	return recs
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
	if file.Version != 1 && file.Version != stateVersion {
		return nil, fmt.Errorf("its version is %d, not %d", file.Version, stateVersion)
	}
	for i := range file.Records {
		r := &file.Records[i]
		if file.Version == 1 {
			r.Type, r.Salt, r.Stands = "A", "", netip.Addr{}
			if r.Outcome == outcomeTaken {
				r.Stands = r.Address
			}
		}
		if err := r.check(file.Version); err != nil {
			return nil, err
		}
	}
	return file.Records, nil
}

// check reports what no record of ours holds.
func (r *stateRecord) check(version int) error {
	none := r.Outcome == outcomeNone
	switch r.Outcome {
	case outcomeNone, outcomeSent, outcomeTaken, outcomeUnclear, outcomeFailed:
	case outcomeDeleted:
		none = true
	default:
		return errors.New("it names an outcome that does not exist")
	}
	switch {
	case r.Type != "A" && r.Type != "AAAA":
		return fmt.Errorf("it names the record type %q", r.Type)
	case version > 1 && (len(r.Salt) != 2*saltSize || r.Fingerprint == ""):
		return errors.New("it holds a record without its fingerprint")
	case !r.Address.IsValid() && !none:
		return errors.New("it holds a write without an address")
	}
	for _, addr := range []netip.Addr{r.Address, r.Stands} {
		if addr.IsValid() && (addr.Is4() != (r.Type == "A") || addr.Is4In6() || addr.Zone() != "") {
			return fmt.Errorf("it holds %q where an address of a record of type %s belongs", addr, r.Type)
		}
	}
	return nil
}

// load returns the memory of the record at index i.
func (s *store) load(i int, now time.Time) memory {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.records[i].memory().sane(now)
}

// save keeps the memory of the record at index i and writes the file. A file
// that cannot be written is told once; the daemon goes on without.
func (s *store) save(i int, m memory) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records[i].keep(m)
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
	return durable.Save(s.path, raw)
}
