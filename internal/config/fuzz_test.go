package config_test

// Hostile files: no panic, no error without a place, no secret in a text.

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/cert"
	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/fact"
)

func noFiles(string, int64) (config.File, error) { return config.File{}, fs.ErrNotExist }

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.toml")
	for _, file := range append(files, examplePath) {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("a = '''\n[b]\nc = \"\"\"\r\n[[d]]\n"))
	f.Add([]byte("[[service]]\nservice.x = [{a=1,a.b=2},[[{}]]]\n[service.x]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := config.Parse("f.toml", data, nil, noFiles)
		if err == nil {
			if len(c.Services) == 0 || len(c.DNSListen) == 0 || len(c.Upstream.Specs) == 0 || len(c.WANSources) == 0 {
				t.Fatalf("accepted, but not whole: %+v", c)
			}
			if p := c.Portmap; p.Enabled == (len(p.Methods) == 0) || p.Lease <= 0 || c.Relay.MaxConnections < 1 || c.Relay.Idle <= 0 || !p.Enabled && c.Pinholes != nil {
				t.Fatalf("accepted, but the forwards are not whole: %+v, %+v, %v", p, c.Relay, c.Pinholes)
			}
			for _, f := range c.Portmap.Forwards {
				if !f.Internal.Addr().Is4() || f.Internal.Port() == 0 || f.ExternalPort == 0 || f.Service == "" {
					t.Fatalf("accepted a forward that is none: %+v", f)
				}
			}
			for _, p := range c.Pinholes {
				if p.Port == 0 || p.Record == "" && !p.Internal(fact.Observation{}).IsValid() {
					t.Fatalf("accepted a pinhole that is none: %+v", p)
				}
			}
			if n := c.Certificate; n.Mode != cert.None && (len(n.Names) == 0 || n.Folder == "" || n.Deploy.Directory == "" || n.Deploy.Mode&0o007 != 0 || n.ACME.Directory == "" || n.Lifetime <= 0) {
				t.Fatalf("accepted a certificate that is none: %+v", n)
			}
			return
		}
		var list *config.Errors
		if !errors.As(err, &list) || len(list.List) == 0 {
			t.Fatalf("no list: %v", err)
		}
		lines := strings.Count(string(data), "\n") + 1
		for _, e := range list.List {
			if e.File != "f.toml" || e.Text == "" || e.Line < 0 || e.Line > lines {
				t.Errorf("no place in %d lines: %#v", lines, e)
			}
			if e.Line == 0 && e.Key != "service" && !strings.Contains(e.Text, "more mistakes") && !strings.Contains(e.Text, "longer than") {
				t.Errorf("of the whole file: %#v", e)
			}
			if strings.ContainsAny(e.Error(), "\n\r\x00\x1b") {
				t.Errorf("control characters: %q", e.Error())
			}
		}
	})
}

// Whatever the rest of a line is, a token on it is not in the texts.
func FuzzTokenIsNeverQuoted(f *testing.F) {
	for _, line := range []string{`token = "T"`, `token = T`, `token "T"`, `T`, `T = 1`, `domain = "T"`, `token = "a T b"`, `token = ["T"`, `token.T = 1`, `[T]`, `[[ddns.T]]`, `token_file = "T"`, `provider = "T\u0000"`, `token = {T = 1, T = 2}`, "token = '''\nT\n", `zone = "T."`,
		"[certificate.acme]\neab_key = \"T\"", "[certificate.acme]\neab_key_id = \"T\"\neab_key_file = \"T\"", "[certificate.acme]\nserver = \"https://T@ca/T\"",
		"[certificate.acme]\nemail = \"T@\"\nprofile = \"T \"", "[certificate.own_ca]\npassphrase_file = \"T\"", "[certificate]\nowner = \"T\"\nreload_command = [\"T\\u0000\"]",
		"[[certificate.acme.dns]]\nprovider = \"desec\"\ntoken = \"T T\""} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		text := minimal + "[[ddns]]\nprovider = \"duckdns\"\n" + strings.ReplaceAll(line, "T", token) + "\n"
		_, err := config.Parse("f.toml", []byte(text), nil, noFiles)
		if err != nil && strings.Contains(err.Error(), token) {
			t.Errorf("the token is in:\n%v", err)
		}
	})
}

// A file at the limit takes a fraction of a second; a step that compares
// everything in it with everything would run into the limit of the whole test.
func TestLargeHostileFiles(t *testing.T) {
	const size = 1 << 20
	for name, text := range map[string]string{
		"keys":      numbered("k%=1\n", size),
		"tables":    numbered("[t%]\n", size),
		"services":  strings.Repeat("[[service]]\n", size/12),
		"names":     minimal + "names = [" + numbered(`"a%",`, size-100) + "]",
		"dots":      strings.Repeat("a.", size/2-10) + "a=1",
		"brackets":  "a=" + strings.Repeat("[", size-10),
		"open":      strings.Repeat("a=[\n", size/4),
		"quotes":    strings.Repeat("a='''\n[b]\n", size/10),
		"lines":     strings.Repeat("\n", size),
		"same":      strings.Repeat("a=1\n", size/4),
		"nul":       strings.Repeat("\x00", size),
		"errors":    strings.Repeat("!\n", size/2),
		"long name": minimal + `names = ["` + strings.Repeat("a", size-100) + `"]`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Parse("f.toml", []byte(text), nil, noFiles)
			if err == nil {
				t.Error("accepted")
			} else if n := len(err.Error()); n > 64<<10 {
				t.Errorf("the text has %d bytes", n)
			}
		})
	}
}

// numbered repeats pattern, % counted up, up to size bytes.
func numbered(pattern string, size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size-20; i++ {
		b.WriteString(strings.Replace(pattern, "%", strconv.Itoa(i), 1))
	}
	return b.String()
}
