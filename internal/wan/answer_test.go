package wan_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/wan"
)

func TestParseAnswer(t *testing.T) {
	good := []string{
		"11.22.33.44",
		" \r\n11.22.33.44\r\n",
		"::ffff:11.22.33.44\n",
		`{"ip":"11.22.33.44"}`,
		"{\"country\":\"DE\",\"nested\":{\"ip\":\"1.2.3.4\"},\"ip\":\"11.22.33.44\"}\n",
		"fl=29f\nh=1.1.1.1\nip=11.22.33.44\nts=1.2\nuag=edgeguard/1 (x=y)\n",
		"ip=11.22.33.44",
	}
	for _, text := range good {
		got, err := wan.ParseAnswer([]byte(text), wan.IPv4)
		if err != nil || got != netip.MustParseAddr("11.22.33.44") {
			t.Errorf("ParseAnswer(%q) = %v, %v", text, got, err)
		}
	}
	bad := map[string]string{
		"":                                        "empty",
		" \n ":                                    "empty",
		"<html>11.22.33.44</html>":                "web page",
		"Your IP is 11.22.33.44":                  "bare IP address",
		"11.22.33.44 11.22.33.44":                 "bare IP address",
		"11.22.33.44/32":                          "bare IP address",
		"011.22.33.44":                            "bare IP address",
		"2001:db8::1":                             "IPv6",
		`{"ip":"11.22.33.44","ip":"1.2.3.4"}`:     "exactly one",
		`{"ip":["11.22.33.44"]}`:                  "exactly one",
		`{"address":"11.22.33.44"}`:               "exactly one",
		`{"IP":"11.22.33.44"}`:                    "exactly one",
		`{"ip":"11.22.33.44"`:                     "malformed",
		`{"ip":"11.22.33.44"} x`:                  "malformed",
		"ip=11.22.33.44\nip=11.22.33.44":          "2 lines",
		"h=x\nts=1":                               "0 lines",
		"ip=11.22.33.44\nsomething else":          "neither",
		"a page <a href=x> ip=11.22.33.44":        "neither",
		strings.Repeat(" ", 4096) + "11.22.33.44": "longer",
	}
	for text, want := range bad {
		got, err := wan.ParseAnswer([]byte(text), wan.IPv4)
		if err == nil || !strings.Contains(err.Error(), want) || got.IsValid() {
			t.Errorf("ParseAnswer(%q) = %v, %v; want an error with %q", text, got, err, want)
		}
	}
}

func TestParseAnswerIPv6(t *testing.T) {
	want := netip.MustParseAddr("2a02:8071::1")
	for _, text := range []string{"2a02:8071::1\n", `{"ip":"2A02:8071:0::1"}`, "h=x\nip=2a02:8071::1\n"} {
		if got, err := wan.ParseAnswer([]byte(text), wan.IPv6); err != nil || got != want {
			t.Errorf("ParseAnswer(%q) = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"11.22.33.44", "::ffff:11.22.33.44", "fe80::1%eth0", `{"ip":"11.22.33.44"}`} {
		if got, err := wan.ParseAnswer([]byte(text), wan.IPv6); err == nil || got.IsValid() {
			t.Errorf("ParseAnswer(%q) = %v", text, got)
		}
	}
}

func FuzzParseAnswer(f *testing.F) {
	for _, seed := range []string{"11.22.33.44\n", `{"ip":"11.22.33.44"}`, "h=a\nip=11.22.33.44\n", "<p>", `{"a":[[[{`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		addr, err := wan.ParseAnswer(body, wan.IPv4)
		six, err6 := wan.ParseAnswer(body, wan.IPv6)
		switch {
		case err == nil && err6 == nil:
			t.Fatalf("one answer is both %v and %v", addr, six)
		case (err6 == nil) != six.IsValid() || six.Is4In6() || six.Zone() != "":
			t.Fatalf("%v, %v", six, err6)
		case err != nil && addr.IsValid():
			t.Fatalf("both %v and %v", addr, err)
		case err == nil && !addr.Is4():
			t.Fatalf("%v is not IPv4", addr)
		case err == nil && len(body) > 4096:
			t.Fatal("too long an answer was read")
		}
	})
}
