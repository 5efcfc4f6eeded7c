package durable_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/edgeguard/edgeguard/internal/durable"
)

func TestLoad(t *testing.T) {
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		text    string // "-" means that there is no file
		parse   error
		called  bool
		damaged bool
	}{
		"no file": {text: "-"},
		"good":    {text: "hello\n", called: true},
		"refused": {text: "hello\n", parse: broken, called: true, damaged: true},
		"large":   {text: "hello hello\n", damaged: true},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.json")
			if test.text != "-" {
				if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			called := false
			err := durable.Load(path, 8, func(text []byte) error {
				called = string(text) == test.text
				return test.parse
			})
			var damaged *durable.DamagedError
			if errors.As(err, &damaged) != test.damaged || (err == nil) == test.damaged || called != test.called {
				t.Fatalf("error is %v, parse was called: %v", err, called)
			}
			if test.parse != nil && !errors.Is(err, test.parse) {
				t.Errorf("error is %v", err)
			}
			if test.damaged {
				if moved, err := os.ReadFile(damaged.MovedTo); err != nil || string(moved) != test.text {
					t.Errorf("set aside was %q, %v", moved, err)
				}
			}
		})
	}
	if err := durable.Load("", 8, func([]byte) error { t.Error("called"); return nil }); err != nil {
		t.Error(err)
	}
	if err := durable.Load(t.TempDir(), 8, func([]byte) error { return nil }); err == nil || errors.As(err, new(*durable.DamagedError)) {
		t.Errorf("a folder gave %v", err)
	}
}

func TestSaveAddsALinesEndAndNothingElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	text := []byte("{}xy")[:2]
	if err := durable.Save(path, text); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "{}\n" {
		t.Errorf("the file holds %q, %v", got, err)
	}
	if rest := text[:4]; string(rest) != "{}xy" {
		t.Errorf("what the caller holds became %q", rest)
	}
}
