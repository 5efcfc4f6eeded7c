package main

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/edgeguard/edgeguard/internal/fact"
)

func memoryAt(t *testing.T, path string) *nameMemory {
	t.Helper()
	return &nameMemory{path: path, log: newLogger(t.Output(), nil, "text", (&secretList{}).all)}
}

func TestLearnedNamesOutliveARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "names.json")
	want := map[string]learnedNames{
		"mqtt": {serviceAddresses{name: "mqtt", v4: at("192.168.1.10")}, fact.ServiceNames{Service: "mqtt", Names: []string{"a.example.org"}, Wildcards: []string{"*.example.org"}}},
		"web":  {serviceAddresses{name: "web", v6: at("fd00::1")}, fact.ServiceNames{Service: "web", Names: []string{}}},
	}
	memoryAt(t, path).save(want)
	if got := memoryAt(t, path).load(); !reflect.DeepEqual(got, want) {
		t.Errorf("came back as %+v", got)
	}
}

func TestADamagedMemoryIsSetAside(t *testing.T) {
	for name, text := range map[string]string{
		"torn":      `{"version":1,"services":[{"service":"mq`,
		"newer":     `{"version":2,"services":[]}`,
		"no name":   `{"version":1,"services":[{"service":"mqtt","names":["UPPER.example.org"]}]}`,
		"no object": `[]`,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "names.json")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := memoryAt(t, path).load(); len(got) != 0 {
				t.Errorf("it gave %+v", got)
			}
			if _, err := os.Stat(path + ".bad"); err != nil {
				t.Errorf("it was not set aside: %v", err)
			}
		})
	}
}

func FuzzParseNames(f *testing.F) {
	f.Add([]byte(`{"version":1,"services":[{"service":"mqtt","v4":["192.168.1.10"],"names":["a.example.org"]}]}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		records, err := parseNames(raw)
		if err != nil {
			return
		}
		for _, r := range records {
			if len(r.Names)+len(r.Wildcards) > maxRemembered {
				t.Errorf("%d names", len(r.Names))
			}
		}
	})
}
