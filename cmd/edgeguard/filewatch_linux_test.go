package main

// What the kernel tells of files, in the ways in which editors, copies and
// containers change them.

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestChangesOfRealFilesAreTold(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "edgeguard.toml")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, text string) { must(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)) }
	swap := func(target string) {
		must(os.Symlink(target, filepath.Join(dir, "next")))
		must(os.Rename(filepath.Join(dir, "next"), path))
	}
	write("edgeguard.toml", "first")
	write("other.toml", "other")
	for _, way := range []struct {
		name   string
		change func()
	}{
		{"written in place", func() { write("edgeguard.toml", "second") }},
		{"replaced", func() { write("new", "third"); must(os.Rename(filepath.Join(dir, "new"), path)) }},
		{"removed", func() { must(os.Remove(path)) }},
		{"there again", func() { write("edgeguard.toml", "fourth") }},
		{"a link now", func() { swap("other.toml") }},
	} {
		// A listener for each, as each is quiet for a while after what it heard.
		ctx, cancel := context.WithCancel(t.Context())
		begun, changed, ended := make(chan struct{}, 10), make(chan struct{}, 10), make(chan error, 1)
		go func() {
			ended <- fileChanges(ctx, path, func() { poke(begun) }, func() { poke(changed) })
		}()
		select {
		case <-begun:
		case err := <-ended:
			if errors.Is(err, errNotTold) {
				t.Skipf("the folder of the tests: %v", err)
			}
			t.Fatal(err)
		}
		way.change()
		<-changed // or the test's own time limit
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", way.name, err)
		}
	}
}

func TestChangesOfNoFileEndAtOnce(t *testing.T) {
	if err := fileChanges(t.Context(), "", nil, nil); err != nil {
		t.Error(err)
	}
	if err := fileChanges(t.Context(), filepath.Join(t.TempDir(), "no", "such"), nil, nil); err == nil {
		t.Error("a folder that is not there can be listened to")
	}
	if err := fileChanges(t.Context(), "/proc/self/status", nil, nil); !errors.Is(err, errNotTold) {
		t.Errorf("the kernel tells of all changes of /proc: %v", err)
	}
}
