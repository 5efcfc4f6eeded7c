package main

// The names that certificates gave, over a restart: after a power cut the
// broker is often up long after us, and the house must not be sent out to the
// street for its own names meanwhile.

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"

	"github.com/edgeguard/edgeguard/internal/durable"
	"github.com/edgeguard/edgeguard/internal/fact"
)

const (
	namesVersion = 1
	// maxNamesFile bounds the file: a hundred names for each of many services.
	maxNamesFile = 1 << 20
	// maxRemembered bounds the names of one service in it.
	maxRemembered = 256
)

// namesFile is the file's form. A service's names count only for a service of
// the same name at the same addresses.
type namesFile struct {
	Version  int           `json:"version"`
	Services []namesRecord `json:"services"`
}

type namesRecord struct {
	Service   string       `json:"service"`
	V4        []netip.Addr `json:"v4,omitempty"`
	V6        []netip.Addr `json:"v6,omitempty"`
	Names     []string     `json:"names"`
	Wildcards []string     `json:"wildcards,omitempty"`
}

// nameMemory keeps the file.
type nameMemory struct {
	path   string // empty means nowhere
	log    *slog.Logger
	warned bool // the file could not be written last time
}

// load returns what the file holds, by service. Nothing about it is fatal.
func (m *nameMemory) load() map[string]learnedNames {
	found := map[string]learnedNames{}
	var records []namesRecord
	err := durable.Load(m.path, maxNamesFile, func(raw []byte) (err error) {
		records, err = parseNames(raw)
		return err
	})
	if err != nil {
		m.log.Warn("the remembered names cannot be used; they are learned anew once the services answer", "path", m.path, "err", err)
		return found
	}
	for _, r := range records {
		found[r.Service] = learnedNames{
			addresses: serviceAddresses{name: r.Service, v4: r.V4, v6: r.V6},
			names:     fact.ServiceNames{Service: r.Service, Names: r.Names, Wildcards: r.Wildcards},
		}
	}
	return found
}

// parseNames reads the file's text, which anybody may have written.
func parseNames(raw []byte) ([]namesRecord, error) {
	var file namesFile
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("reading its JSON: %w", err)
	}
	if file.Version != namesVersion {
		return nil, fmt.Errorf("its version is %d, not %d", file.Version, namesVersion)
	}
	for _, r := range file.Services {
		names := slices.Concat(r.Names, r.Wildcards)
		if len(names) > maxRemembered {
			return nil, fmt.Errorf("it holds %d names for one service", len(names))
		}
		for _, name := range names {
			if name == "" || len(name) > 253 || name != fact.CanonicalName(name) {
				return nil, errors.New("it holds what is no name in canonical form")
			}
		}
	}
	return file.Services, nil
}

// save writes what was learned.
func (m *nameMemory) save(learned map[string]learnedNames) {
	if m.path == "" {
		return
	}
	file := namesFile{Version: namesVersion, Services: []namesRecord{}}
	for _, l := range learned {
		file.Services = append(file.Services, namesRecord{
			Service: l.names.Service, V4: l.addresses.v4, V6: l.addresses.v6, Names: l.names.Names, Wildcards: l.names.Wildcards,
		})
	}
	slices.SortFunc(file.Services, func(a, b namesRecord) int { return strings.Compare(a.Service, b.Service) })
	raw, err := json.MarshalIndent(file, "", "  ")
	if err == nil {
		err = durable.Save(m.path, raw)
	}
	if err != nil && !m.warned {
		m.log.Warn("the names of the certificates cannot be remembered, so after a restart they are known only once the services answer; make the folder of state_dir writable",
			"path", m.path, "err", err)
	}
	m.warned = err != nil
}
