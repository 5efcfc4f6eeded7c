package archtest

// Who may import whom: the rules of the design, held against `go list`.

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/edgeguard/edgeguard"

// leaves import the standard library only.
var leaves = []string{"fact", "watch", "loop", "secret", "tidy", "durable", "memlimit", "snippet", "netnstest"}

// concerns import leaves, their own sub-packages and their own vendor
// libraries; never each other, never config or status.
var concerns = map[string][]string{
	"wan":       {"github.com/miekg/dns", "github.com/pion/stun/v3"},
	"ddns":      {"github.com/libdns/", "github.com/miekg/dns", "golang.org/x/net/publicsuffix"},
	"router":    {"github.com/huin/goupnp", "golang.org/x/sys/unix"},
	"portmap":   nil,
	"hairpin":   nil,
	"dnsserver": {"github.com/miekg/dns", "golang.org/x/net/", "golang.org/x/sync/", "golang.org/x/sys/"},
	"lan":       {"github.com/insomniacslk/dhcp/dhcpv4", "golang.org/x/net/ipv6", "golang.org/x/sys/"},
	"locate":    {"github.com/miekg/dns"},
	"notify":    nil,
	"cert":      {"github.com/mholt/acmez/v3", "software.sslmate.com/src/go-pkcs12"},
}

// others are the packages that stand above the concerns.
var others = map[string]struct {
	internal []string // what of ours, besides leaves
	vendor   []string
}{
	"config": {[]string{"wan", "ddns", "portmap", "hairpin", "dnsserver", "notify", "cert"}, []string{"github.com/pelletier/go-toml/v2"}},
	"status": {[]string{"wan", "ddns", "router", "portmap", "hairpin", "dnsserver", "lan", "cert"}, []string{"github.com/prometheus/", "rsc.io/qr"}},
}

// rooms are the sub-packages of a concern that is too large for one package, with
// the other rooms that each may import. None imports the concern itself, and
// what has no line here must not be there.
var rooms = map[string]map[string][]string{
	"wan": {
		"stun":    nil,
		"dnsecho": nil,
	},
	"dnsserver": {
		"wire":     nil,
		"cookie":   {"wire"},
		"cache":    {"wire"},
		"zone":     {"wire"},
		"limit":    nil,
		"packet":   nil,
		"upstream": {"wire"},
		"certfile": nil,
	},
	"cert": {
		"keys":      nil,
		"acme":      nil,
		"authority": {"keys"},
		"deploy":    {"keys"},
	},
	"hairpin": {
		"certs":   nil,
		"checker": nil,
		"mqtt":    nil,
		"nonce":   nil,
	},
	"lan": {
		"dhcp":   nil,
		"handed": {"dhcp", "radv"},
		"radv":   nil,
	},
	"ddns": {
		"authority": nil,
		"provider":  nil,
		"ddnstest":  nil,
	},
	"locate": {
		"mdns": nil,
	},
	"portmap": {
		"memory":  nil,
		"relay":   nil,
		"pinhole": nil,
	},
	"status": {
		"history":    nil,
		"phones":     nil,
		"schematest": nil,
		"setup":      {"texts"},
		"texts":      nil,
	},
	"router": {
		"gena":      {"murmur"},
		"igd":       {"ssdp"},
		"igdtest":   nil,
		"multicast": nil,
		"murmur":    nil,
		"pcp":       nil,
		"pcptest":   nil,
		"ssdp":      nil,
	},
}

// owners are the vendor libraries that one package alone may know.
var owners = map[string]string{
	"github.com/huin/goupnp":        "internal/router",
	"github.com/libdns/":            "internal/ddns/provider",
	"github.com/pelletier/go-toml":  "internal/config",
	"github.com/spf13/cobra":        "cmd/edgeguard",
	"golang.org/x/net/publicsuffix": "internal/ddns/provider",
	"github.com/miekg/dns":          "internal/dnsserver internal/ddns internal/wan internal/locate test/lab cmd/edgeguard",
	"github.com/pion/":              "internal/wan",
	"github.com/prometheus/":        "internal/status",
	"github.com/insomniacslk/dhcp":  "internal/lan/dhcp",
	"github.com/mholt/acmez":        "internal/cert/acme",
	"software.sslmate.com/":         "internal/cert",
	"github.com/chromedp/":          "test/page",
	"rsc.io/qr":                     "internal/status/phones",
}

// listed is what `go list` says of a package.
type listed struct {
	ImportPath string
	Imports    []string
}

func list(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("listing packages: %v", err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// within reports whether path is prefix or lies below it.
func within(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, strings.TrimSuffix(prefix, "/")+"/")
}

// mayImport returns what a package of ours may import: internal names and
// vendor prefixes. ok is false for a package that the design does not know.
func mayImport(name string) (internal, vendor []string, ok bool) {
	top, _, _ := strings.Cut(name, "/")
	if slices.Contains(leaves, top) {
		return nil, nil, true
	}
	if vendor, ok := concerns[top]; ok {
		return append(slices.Clone(leaves), top), vendor, true
	}
	if rule, ok := others[top]; ok {
		return slices.Concat(leaves, rule.internal, []string{top}), rule.vendor, true
	}
	return nil, nil, top == "archtest"
}

func TestImportsPointOneWay(t *testing.T) {
	for _, p := range list(t) {
		name, isInternal := strings.CutPrefix(p.ImportPath, module+"/internal/")
		if !isInternal {
			continue
		}
		internal, vendor, ok := mayImport(name)
		if !ok {
			t.Errorf("%s is not in the design: add it to the rules of this test with its place", p.ImportPath)
		}
		for _, imported := range p.Imports {
			checkImport(t, name, imported, internal, vendor)
		}
	}
}

func checkImport(t *testing.T, name, imported string, internal, vendor []string) {
	t.Helper()
	if rest, ours := strings.CutPrefix(imported, module+"/"); ours {
		target, isInternal := strings.CutPrefix(rest, "internal/")
		top, _, _ := strings.Cut(target, "/")
		if !isInternal || !slices.Contains(internal, top) {
			t.Errorf("internal/%s imports %s, which the design does not allow", name, rest)
		}
		return
	}
	first, _, _ := strings.Cut(imported, "/")
	if !strings.Contains(first, ".") {
		return // the standard library
	}
	if !slices.ContainsFunc(vendor, func(v string) bool { return within(imported, v) }) {
		t.Errorf("internal/%s imports the library %s, which the design gives to others", name, imported)
	}
}

func TestVendorLibrariesHaveOneOwner(t *testing.T) {
	for _, p := range list(t) {
		for _, imported := range p.Imports {
			for library, owner := range owners {
				if within(imported, library) && !ownedBy(p.ImportPath, owner) {
					t.Errorf("%s imports %s, which belongs to %s", p.ImportPath, imported, owner)
				}
			}
		}
	}
}

func TestRoomsOfAConcernImportFewOthers(t *testing.T) {
	for concern, may := range rooms {
		seen := 0
		for _, p := range list(t) {
			room, inside := strings.CutPrefix(p.ImportPath, module+"/internal/"+concern+"/")
			if !inside {
				continue
			}
			seen++
			neighbours, known := may[room]
			if !known {
				t.Errorf("internal/%s/%s is not in the design: add it to the rooms of this test", concern, room)
			}
			for _, imported := range p.Imports {
				other, inside := strings.CutPrefix(imported, module+"/internal/"+concern)
				if inside && !slices.Contains(neighbours, strings.TrimPrefix(other, "/")) {
					t.Errorf("internal/%s/%s imports %s, which its line among the rooms does not allow", concern, room, imported)
				}
			}
		}
		if seen != len(may) {
			t.Errorf("internal/%s has %d rooms, and %d are in the design", concern, seen, len(may))
		}
	}
}

func ownedBy(importPath, owners string) bool {
	return slices.ContainsFunc(strings.Fields(owners), func(o string) bool {
		return within(importPath, module+"/"+o)
	})
}

func TestNobodyImportsTheLabOrTestServers(t *testing.T) {
	for _, p := range list(t) {
		if within(p.ImportPath, module+"/test") {
			continue
		}
		for _, imported := range p.Imports {
			if within(imported, module+"/test") || strings.HasSuffix(imported, "test") && within(imported, module) {
				t.Errorf("%s imports %s outside its tests", p.ImportPath, imported)
			}
		}
	}
}

// A program that can execute templates can call any method by a name that it
// learns while it runs, so the linker keeps every exported method of every type:
// a fifth of the binary, all of which becomes resident. (The command line's
// library has text/template too, behind a function that nobody calls.)
func TestNobodyExecutesTemplates(t *testing.T) {
	for _, p := range list(t) {
		for _, imported := range p.Imports {
			if imported == "html/template" || imported == "text/template" {
				t.Errorf("%s imports %s: write the text by hand, as internal/status/page_writer.go does", p.ImportPath, imported)
			}
		}
	}
}
