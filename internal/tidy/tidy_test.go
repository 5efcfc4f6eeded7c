package tidy_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/edgeguard/edgeguard/internal/tidy"
)

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"":                                 "",
		"FRITZ!Box 7590":                   "FRITZ!Box 7590",
		"  two\r\n\tlines  ":               "two lines",
		"\x1b[31mred\x1b[0m":               "[31mred[0m",
		"gpj.\u202egnp":                    "gpj.gnp", // turned text
		"zero\u200bwidth":                  "zerowidth",
		"bad \xff\xfe bytes":               "bad bytes",
		"Straße \u00a0 größer":             "Straße größer",
		strings.Repeat("x", 41):            strings.Repeat("x", 37) + "…",
		strings.Repeat("ß", 20) + "x":      strings.Repeat("ß", 18) + "…",
		strings.Repeat("\x00", 1000) + "x": "",
	} {
		if got := tidy.Line(in, 40); got != want {
			t.Errorf("Line(%q) = %q, want %q", in, got, want)
		}
	}
	if got := tidy.Line("long", 2); got != "" {
		t.Errorf("Line(long, 2) = %q, want nothing", got)
	}
}

func FuzzLine(f *testing.F) {
	f.Add("text", 10)
	f.Add("\x1b]0;title\x07\xff\u2066", 3)
	f.Fuzz(func(t *testing.T, text string, most int) {
		most = int(uint16(most))
		got := tidy.Line(text, most)
		if len(got) > most || !utf8.ValidString(got) {
			t.Errorf("Line(%q, %d) = %q", text, most, got)
		}
		for _, r := range got {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.IsSpace(r) && r != ' ' {
				t.Errorf("Line(%q, %d) = %q holds %q", text, most, got, r)
			}
		}
		if again := tidy.Line(got, most); again != got {
			t.Errorf("Line is not steady: %q becomes %q", got, again)
		}
	})
}

func TestSentence(t *testing.T) {
	for in, want := range map[string]string{
		"":                                    "",
		"no upstream answers":                 "No upstream answers.",
		"The router is found.":                "The router is found.",
		"mqtt.example.org is answered":        "mqtt.example.org is answered.",
		"1 device asked":                      "1 device asked.",
		"cut off in the midd…":                "Cut off in the midd…",
		"enter 192.168.1.10 as DNS (port 53)": "Enter 192.168.1.10 as DNS (port 53).",
		"duckdns":                             "duckdns.",
	} {
		if got := tidy.Sentence(in); got != want {
			t.Errorf("Sentence(%q) = %q, want %q", in, got, want)
		}
	}
}
