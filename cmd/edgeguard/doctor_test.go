package main

// What doctor writes on a terminal, and elsewhere.

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/status"
)

func TestSheetShowsProgressOnATerminalOnly(t *testing.T) {
	b := status.NewBuilder(func() []secret.Value { return nil })
	in := status.Inputs{}
	in.WAN.Link = fact.Link{Verdict: fact.VerdictFail, Summary: "It is broken.", Action: "Mend it.", Evidence: []string{"a hole"}}
	snapshot := b.Build(in, time.Now())
	write := func(s *sheet) string {
		var out bytes.Buffer
		s.w = &out
		s.begin("wan", "looking")
		s.end(snapshot, "wan")
		s.end(snapshot, "ddns") // told by the same look
		if err := s.close(snapshot); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	plain := write(&sheet{options: status.TextOptions{Fresh: true, Evidence: true}})
	if strings.ContainsAny(plain, "\r\x1b") || strings.Contains(plain, "looking") ||
		!strings.HasPrefix(plain, "FAIL  wan          It is broken.\n                   action  Mend it.\n                   seen    a hole\n\n????  ddns ") {
		t.Errorf("not on a terminal: %q", plain)
	}
	live := write(&sheet{live: true, options: status.TextOptions{Fresh: true, Evidence: true, Color: true}})
	const begin = "....  wan          looking\r\x1b[2K\x1b[1;31mFAIL\x1b[0m  wan "
	if !strings.HasPrefix(live, begin) {
		t.Errorf("on a terminal: %q", live)
	}
	// What is left to see when lines are taken back and colours out is the same.
	_, seen, _ := strings.Cut(live, "\x1b[2K")
	for _, code := range []string{"\x1b[1;31m", "\x1b[1;36m", "\x1b[0m"} {
		seen = strings.ReplaceAll(seen, code, "")
	}
	if seen != plain {
		t.Errorf("on a terminal one sees %q, elsewhere %q", seen, plain)
	}
}
