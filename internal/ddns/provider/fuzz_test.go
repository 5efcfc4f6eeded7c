package provider_test

import (
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/miekg/dns"
)

func FuzzAPIAnswers(f *testing.F) {
	for _, seed := range []string{"", "null", "{}", "[]", `{"detail":"x"}`, `{"ttl":["x"]}`, `{"status":"SUCCESS"}`, `{"status":"ERROR","message":"Invalid API key"}`,
		`{"message":"x","errorCode":"INVALID_KEY"}`, `[{"code":"UNAUTHORIZED","message":"x"}]`, `{"status":"success","responsedata":{}}`, `{"status":"error","statuscode":1}`} {
		f.Add(200, []byte(seed))
		f.Add(401, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		for word, judge := range provider.Judges {
			if ours, good := judge(status, body); good && (!ours || status < 200 || status > 299) {
				t.Errorf("%s: %d %q is a success", word, status, body)
			}
		}
	})
}

// Nothing that was not signed with the key is believed.
func FuzzBelieve(f *testing.F) {
	mac := strings.Repeat("00", 32)
	reply := new(dns.Msg).SetUpdate("example.org.")
	reply.Id, reply.Response = 7, true
	plain, err := reply.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain)
	reply.SetTsig("key.", dns.HmacSHA256, 300, 1)
	signed, _, err := dns.TsigGenerate(reply, "c29tZXRoaW5nIGVsc2U=", mac, false)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signed)
	f.Fuzz(func(t *testing.T, raw []byte) {
		if provider.Believe(raw, 7, mac) {
			t.Errorf("believed %x", raw)
		}
	})
}

// Whatever is read of a text in quotes is what a zone file would say of it.
func FuzzUnquote(f *testing.F) {
	for _, seed := range []string{"", `"`, `""`, "raw", `"a"`, `"a" "b"`, `"a\"b"`, `"a\\b"`, `"a\065b"`, `"a\999b"`, `"a"b`, `"a\`, "\"a\"\t\"b\""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, shown string) {
		got := provider.Unquote(shown)
		if !strings.HasPrefix(shown, `"`) && got != shown || len(got) > len(shown) {
			t.Errorf("%q reads as %q", shown, got)
		}
		rr, err := dns.NewRR("x. IN TXT " + shown)
		txt, ok := rr.(*dns.TXT)
		if err != nil || !ok || !strings.HasPrefix(shown, `"`) || got == shown || strings.ContainsAny(shown, "\\\n\r();") || len(shown) > 255 {
			return
		}
		if whole := strings.Join(txt.Txt, ""); whole != got {
			t.Errorf("%q reads as %q, in a zone file as %q", shown, got, whole)
		}
	})
}

func TestUnquote(t *testing.T) {
	for shown, want := range map[string]string{"raw": "raw", "": "", `"a"`: "a", `"a" "b"`: "ab", `"a""b"`: "ab", `"a\"b\\"`: `a"b\`, `"\065\066"`: "AB",
		`"a`: `"a`, `"a" b`: `"a" b`, `"\999"`: `"\999"`, `"`: `"`, `"a\`: `"a\`, `""`: ""} {
		if got := provider.Unquote(shown); got != want {
			t.Errorf("%s reads as %s, want %s", shown, got, want)
		}
	}
}
