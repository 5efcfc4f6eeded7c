package pinhole_test

// A home without pinholes.

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/edgeguard/edgeguard/internal/portmap/pinhole"
)

// It gets no state file, and no warning where there is no place for one.
func TestNoFileWithoutPinholes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "pinholes.json")
	var log bytes.Buffer
	keep(t, func(_ *firewall, c *pinhole.Config) {
		c.Pinholes, c.StateFile = nil, path
		c.Log = slog.New(slog.NewTextHandler(&log, nil))
	}, nil, nil)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if log.Len() > 0 {
		t.Errorf("it says %s", log.String())
	}
}
