package locate

// Where the services were: what outlives a restart, so that not known never
// becomes none.

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"

	"github.com/edgeguard/edgeguard/internal/durable"
)

const (
	memoryVersion = 1
	maxMemory     = 256 << 10
)

// memoryFile is the file.
type memoryFile struct {
	Version  int      `json:"version"`
	Services []record `json:"services"`
}

// record is where one service was.
type record struct {
	Service string     `json:"service"`
	By      string     `json:"by"` // what it was found by
	Addr    netip.Addr `json:"address"`
	SPKI    string     `json:"spki_sha256"`
}

type memory struct {
	path   string // empty means nowhere
	log    *slog.Logger
	guest  bool // nothing is written
	warned bool // the file could not be written last time
}

// load returns what the file holds, by service. Nothing about it is fatal.
func (m *memory) load() map[string]record {
	found := map[string]record{}
	err := durable.Load(m.path, maxMemory, func(raw []byte) error {
		list, err := parseMemory(raw)
		for _, r := range list {
			found[r.Service] = r
		}
		return err
	})
	if err != nil {
		m.log.Warn("where the services were is not remembered; they are looked for anew", "path", m.path, "err", err)
		return map[string]record{}
	}
	return found
}

// parseMemory reads the file's text, which anybody may have written.
func parseMemory(raw []byte) ([]record, error) {
	var file memoryFile
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("reading its JSON: %w", err)
	}
	if file.Version != memoryVersion {
		return nil, fmt.Errorf("its version is %d, not %d", file.Version, memoryVersion)
	}
	for _, r := range file.Services {
		switch {
		case !r.Addr.IsValid() || r.Addr.Zone() != "" || r.Addr.Is4In6():
			return nil, errors.New("it holds what is no address of a service")
		case r.SPKI != "" && (len(r.SPKI) != 64 || strings.Trim(r.SPKI, "0123456789abcdef") != ""):
			return nil, errors.New("it holds what is no hash of a key")
		}
	}
	return file.Services, nil
}

// save writes where the services are.
func (m *memory) save(list []record) {
	if m.path == "" || m.guest {
		return
	}
	raw, err := json.MarshalIndent(memoryFile{memoryVersion, list}, "", "  ")
	if err == nil {
		err = durable.Save(m.path, raw)
	}
	if err != nil && !m.warned {
		m.log.Warn("where the services are cannot be remembered, so after a restart they are looked for anew; make the folder of state_dir writable", "path", m.path, "err", err)
	}
	m.warned = err != nil
}
