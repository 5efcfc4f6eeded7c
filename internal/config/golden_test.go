package config_test

// One file for each rule, with the mistakes or warnings that it must give.

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/config"
)

var update = flag.Bool("update", false, "write the .golden files anew")

// environment reads the lines "#env NAME=VALUE" of a test file.
func environment(data []byte) config.LookupEnv {
	env := map[string]string{}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "#env "); ok {
			name, value, _ := strings.Cut(rest, "=")
			env[name] = value
		}
	}
	return lookup(env)
}

func lookup(env map[string]string) config.LookupEnv {
	return func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}
}

func TestGolden(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.toml")
	if len(files) < 50 {
		t.Fatalf("found only %d files", len(files))
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := outcome(t, name, file, data)
			golden := strings.TrimSuffix(file, ".toml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// outcome is the text of the mistakes or of the warnings, as the file's name
// promises.
func outcome(t *testing.T, name, file string, data []byte) string {
	t.Helper()
	c, err := config.Parse(file, data, environment(data), nil)
	if strings.HasPrefix(name, "warns-") {
		if err != nil {
			t.Fatalf("not accepted: %v", err)
		}
		if len(c.Warnings) == 0 {
			t.Fatal("no warning")
		}
		return strings.Join(c.Warnings, "\n") + "\n"
	}
	var list *config.Errors
	if !errors.As(err, &list) || c != nil {
		t.Fatalf("got %v, %v, want a list of mistakes alone", c, err)
	}
	for _, e := range list.List {
		if e.Line < 0 || e.Text == "" || e.File == "" {
			t.Errorf("half a mistake: %#v", e)
		}
	}
	text := list.Error() + "\n"
	for _, secret := range []string{"0123abcd", "0123456789ab", "12345678901234"} {
		if strings.Contains(text, secret) {
			t.Errorf("the text holds the secret %s:\n%s", secret, text)
		}
	}
	return text
}
