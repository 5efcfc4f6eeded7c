//go:build linux

package lab_test

// What the status says of the records that edgeguard keeps.

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
)

// record is one of the records in the status.
type record struct {
	Name      string  `json:"name"`
	Type      string  `json:"type"`
	Phase     string  `json:"phase"`
	LastError *string `json:"last_error"`
}

// records are the records that the daemon keeps, by its status.
func records(d *lab.Daemon) ([]record, error) {
	s, err := d.Status()
	if err != nil {
		return nil, err
	}
	var told struct {
		DDNS []record `json:"ddns"`
	}
	if err := json.Unmarshal(s.Raw, &told); err != nil {
		return nil, err
	}
	return told.DDNS, nil
}

// wantPhase wants every record of this type, one at least, in one of the
// phases.
func wantPhase(d *lab.Daemon, rtype string, phases ...string) func() error {
	return func() error {
		all, err := records(d)
		if err != nil {
			return err
		}
		found := 0
		for _, r := range all {
			if r.Type != rtype {
				continue
			}
			found++
			if !strings.Contains(" "+strings.Join(phases, " ")+" ", " "+r.Phase+" ") {
				return fmt.Errorf("the %s record of %s is %q, not one of %q (last error %v)", rtype, r.Name, r.Phase, phases, deref(r.LastError))
			}
		}
		if found == 0 {
			return fmt.Errorf("the status has no %s record", rtype)
		}
		return nil
	}
}

func deref(text *string) string {
	if text == nil {
		return "none"
	}
	return *text
}

// saysOne wants the summary or the action of a link to hold one of the words,
// in small or large letters.
func saysOne(d *lab.Daemon, link string, words ...string) func() error {
	return func() error {
		s, err := d.Status()
		if err != nil {
			return err
		}
		l := s.Link(link)
		said := strings.ToLower(l.Summary + " " + l.Action)
		for _, w := range words {
			if strings.Contains(said, strings.ToLower(w)) {
				return nil
			}
		}
		return fmt.Errorf("the %s link (%s) says nothing of %q: %s %s", link, l.Status, words, l.Summary, l.Action)
	}
}

// replaceLine replaces the line of a config that begins so.
func replaceLine(t *testing.T, text, begins, line string) string {
	t.Helper()
	var b strings.Builder
	found := false
	for old := range strings.Lines(text) {
		if strings.HasPrefix(old, begins) {
			old, found = line+"\n", true
		}
		b.WriteString(old)
	}
	if !found {
		t.Fatalf("no line of the config begins with %q:\n%s", begins, text)
	}
	return b.String()
}
