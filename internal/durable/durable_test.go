package durable_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/edgeguard/edgeguard/internal/durable"
)

func write(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

func mustRead(t *testing.T, path string) string {
	t.Helper()
	data, err := durable.ReadFile(path, 100)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestWriteFileReplacesWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state")
	if err := durable.WriteFile(path, write("old")); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("half way")
	err := durable.WriteFile(path, func(w io.Writer) error {
		_, _ = io.WriteString(w, "ne")
		return broken
	})
	if !errors.Is(err, broken) || mustRead(t, path) != "old" {
		t.Errorf("a failed write gives %v and leaves %q", err, mustRead(t, path))
	}
	if err := durable.WriteFile(path, write("new")); err != nil || mustRead(t, path) != "new" {
		t.Errorf("got %q, %v", mustRead(t, path), err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("the folder holds %v, %v", left, err)
	}
}

func TestWhatACrashLeftBehindIsNoObstacle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(path+".tmp", []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := durable.WriteFile(path, write("new")); err != nil || mustRead(t, path) != "new" {
		t.Errorf("got %q, %v", mustRead(t, path), err)
	}
}

func TestALinkInTheFolderLeadsNowhere(t *testing.T) {
	dir := t.TempDir()
	victim := filepath.Join(dir, "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "state")
	if err := os.Symlink(victim, path+".tmp"); err != nil {
		t.Fatal(err)
	}
	if err := durable.WriteFile(path, write("new")); err != nil || mustRead(t, victim) != "precious" {
		t.Errorf("the victim is %q, %v", mustRead(t, victim), err)
	}
}

func TestReadFileIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	if _, err := durable.ReadFile(path, 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file gives %v", err)
	}
	if err := durable.WriteFile(path, write("0123456789")); err != nil {
		t.Fatal(err)
	}
	if data, err := durable.ReadFile(path, 10); err != nil || len(data) != 10 {
		t.Errorf("got %q, %v", data, err)
	}
	if _, err := durable.ReadFile(path, 9); !errors.Is(err, durable.ErrTooLarge) {
		t.Errorf("one byte too many gives %v", err)
	}
}

func TestSetAsideKeepsTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	if err := durable.WriteFile(path, write("odd")); err != nil {
		t.Fatal(err)
	}
	aside, err := durable.SetAside(path)
	if err != nil || mustRead(t, aside) != "odd" {
		t.Errorf("aside is %q, %v", aside, err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it still stands in the way: %v", err)
	}
}
