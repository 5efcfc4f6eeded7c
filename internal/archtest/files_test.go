package archtest

// What holds for every file: its length, and globals nobody may touch.

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// maxLines is the length past which a file no longer holds one thing.
const maxLines = 400

func goFiles(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	top := root(t)
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != top {
			return fs.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".go" {
			return nil
		}
		text, err := os.ReadFile(path)
		rel, _ := filepath.Rel(top, path)
		files[rel] = text
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("found %d Go files below %s: the walk looks in the wrong place", len(files), top)
	}
	return files
}

func TestNoFileIsTooLong(t *testing.T) {
	for name, text := range goFiles(t) {
		if n := bytes.Count(text, []byte("\n")); n > maxLines {
			t.Errorf("%s has %d lines, more than %d: split it along its seams", name, n, maxLines)
		}
	}
}

// libdns/duckdns has no field for an HTTP client and uses the default one, so
// internal/ddns replaces it; whoever else used it would share that client.
func TestOnlyDDNSTouchesTheDefaultHTTPClient(t *testing.T) {
	forbidden := []string{"http." + "DefaultClient", "http." + "Get(", "http." + "Post(", "http." + "Head(", "http." + "PostForm("}
	for name, text := range goFiles(t) {
		if strings.HasPrefix(name, filepath.Join("internal", "ddns")+string(filepath.Separator)) {
			continue
		}
		for _, word := range forbidden {
			if bytes.Contains(text, []byte(word)) {
				t.Errorf("%s uses %s: use a client of its own, with its own limits", name, word)
			}
		}
	}
}
