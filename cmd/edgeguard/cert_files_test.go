package main

// Files of a client's certificate: all of them, or none.

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

func TestFileStem(t *testing.T) {
	for name, want := range map[string]string{
		"phone": "phone", "Ann's phone": "Ann_s_phone", "a@b.c": "a@b.c", ".hidden": "_hidden", "-rf": "_rf", "..": "_.", "a/../b": "a_.._b",
		"ca": "ca_", "CA": "CA_", "größe": "gr__e", "a\x00b\n": "a_b_",
	} {
		if got := fileStem(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}

func TestNewFilesAreAllOrNone(t *testing.T) {
	folder := t.TempDir()
	listed := func() (names []string) {
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	n, err := reserve(folder, "phone", []string{".crt", ".key"}, []byte("authority"))
	if err != nil || len(listed()) != 3 {
		t.Fatalf("%v, %v", err, listed())
	}
	// One that cannot be filled takes the others along.
	if err := os.Remove(filepath.Join(folder, "phone.key")); err != nil {
		t.Fatal(err)
	}
	if err := n.write(map[string][]byte{".crt": []byte("c"), ".key": []byte("k")}); err == nil {
		t.Error("a file that is gone was filled")
	}
	n.abandon()
	if names := listed(); len(names) != 0 {
		t.Errorf("%v is left", names)
	}
	// The last of them being there takes the first along.
	if err := os.WriteFile(filepath.Join(folder, "phone.key"), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := reserve(folder, "phone", []string{".crt", ".key"}, []byte("authority")); err == nil {
		t.Error("a file that is there was taken")
	}
	if names := listed(); len(names) != 1 {
		t.Errorf("%v is left", names)
	}
	if text, err := os.ReadFile(filepath.Join(folder, "phone.key")); string(text) != "old" {
		t.Errorf("the old file holds %q, %v", text, err)
	}
	// A link that leads elsewhere is no new file.
	if err := os.Symlink(filepath.Join(folder, "target"), filepath.Join(folder, "link.crt")); err != nil {
		t.Fatal(err)
	}
	if _, err := reserve(folder, "link", []string{".crt"}, []byte("authority")); err == nil {
		t.Error("a link was followed")
	}
}

func TestPasswordsAreMade(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		p := newPassword()
		if !regexp.MustCompile(`^([a-km-z2-9]{4}-){3}[a-km-z2-9]{4}$`).MatchString(p) || seen[p] {
			t.Fatalf("%q", p)
		}
		seen[p] = true
	}
}
