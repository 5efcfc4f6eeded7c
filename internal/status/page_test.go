package status_test

// The page as text: whole, well-formed, inert and bounded. What it looks like,
// and what its script does, is tested in a browser by test/page.

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/status"
)

// rendered is the page of s, which must be well-formed.
func rendered(t *testing.T, s *status.Snapshot) string {
	t.Helper()
	page, err := status.HTML(s)
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, string(page))
	return string(page)
}

// wellFormed wants a page to be so below its head, whose elements have no end.
func wellFormed(t *testing.T, page string) {
	t.Helper()
	_, text, _ := strings.Cut(page, "</head>")
	text = strings.TrimSuffix(text, "</html>\n")
	d := xml.NewDecoder(strings.NewReader(text))
	d.Strict, d.AutoClose, d.Entity = true, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			at := int(d.InputOffset())
			t.Fatalf("the page is not well-formed: %v: %s", err, text[max(at-200, 0):min(at+50, len(text))])
		}
	}
}

// filled is a snapshot in which every field that can be filled is: each list has
// n entries, and each text is word.
func filled(n int, word string) *status.Snapshot {
	s := fullSnapshot()
	fillIn(reflect.ValueOf(s).Elem(), n, word)
	s.Chain = s.Chain[:0]
	for _, id := range status.LinkIDs() {
		var link status.Link
		fillIn(reflect.ValueOf(&link).Elem(), n, word)
		link.ID = id
		s.Chain = append(s.Chain, link)
	}
	return s
}

// fillIn fills v, and what v holds.
func fillIn(v reflect.Value, n int, word string) {
	switch value := v.Addr().Interface().(type) {
	case *time.Time:
		*value = noon.UTC().Add(-time.Hour)
		return
	case *netip.Addr:
		*value = netip.MustParseAddr("2001:db8::7")
		return
	case *netip.AddrPort:
		*value = netip.MustParseAddrPort("[2001:db8::7]:8883")
		return
	case *fact.Verdict:
		*value = fact.VerdictFail
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillIn(v.Elem(), n, word)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		var first reflect.Value
		for i := range n { // all entries share what the first one points to
			if i == 0 {
				first = v.Index(0)
				fillIn(first, n, word)
			} else {
				v.Index(i).Set(first)
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fillIn(v.Field(i), n, word)
		}
	case reflect.String:
		v.SetString(word)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(math.MaxInt32)
	case reflect.Uint64, reflect.Uint16:
		v.SetUint(8883)
	case reflect.Float64:
		v.SetFloat(60)
	}
}

// TestPage reads the page as the browser would under its policy: every link
// with verdict, summary, since and action; nothing inline; foreign text inert.
func TestPage(t *testing.T) {
	in := full(`<script>alert("x")</script>`)
	in.WAN.Link.Action = ""
	text := rendered(t, status.NewBuilder(noSecrets).Build(in, noon))
	for _, id := range status.LinkIDs() {
		if !strings.Contains(text, `<article id="link-`+id+`"`) || !strings.Contains(text, `href="#link-`+id+`"`) {
			t.Errorf("the page has no card for %s, or the picture does not lead to it", id)
		}
	}
	for _, want := range []string{`lang="en"`, `<main id="main"`, `<time datetime="2026-11-21T11:00:00Z">2026-11-21 11:00:00 UTC</time>`, "do this about ddns", ">broken</span>", ">not known</span>", ">Nothing to do.</p>",
		"<li>events: gena on, announcements off (in use &lt;script&gt;", "<li>router: AVM &lt;script&gt;", "3 connections open", "in 1 hour", "92 days left", "mosquitto_sub -h myhome.duckdns.org -p 8883"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if bad := regexp.MustCompile(`(?i)<script[^ ]|<style|\sstyle=|\son[a-z]+=|javascript:|<img|<iframe|https?://[^ ]*["']`).FindString(text); bad != "" {
		t.Errorf("the page holds %q", bad)
	}
}

// TestEveryFieldMayBeAnything holds for all fields of the snapshot at once,
// those included that nobody fills yet.
func TestEveryFieldMayBeAnything(t *testing.T) {
	for _, word := range []string{`"><script>x</script>`, `' onload='x`, "]]>", "\x00\x1b[31m\u202e", "\xff\xfe", "{time}", "<!--"} {
		text := rendered(t, filled(2, word))
		outside := regexp.MustCompile(`(?s)^.*<main`).ReplaceAllString(text, "<main")
		for _, bad := range []string{"<script", "onload='", "\x00", "\x1b", "\u202e", "<!--"} {
			if strings.Contains(outside, bad) {
				t.Errorf("with %q the page holds %q", word, bad)
			}
		}
	}
	rendered(t, &status.Snapshot{})
	rendered(t, filled(0, ""))
}

// TestThePageIsBounded fills every list with ten thousand entries.
func TestThePageIsBounded(t *testing.T) {
	for _, word := range []string{"x", strings.Repeat("'", 4000)} {
		page := rendered(t, filled(10_000, word))
		if len(page) > 1<<20 {
			t.Errorf("the page has %d bytes", len(page))
		}
		if !strings.Contains(page, "more, which are in the JSON") || !strings.Contains(page, "</html>") {
			t.Error("the page does not say that there is more, or does not end")
		}
	}
}

func TestTheUnchangedPartIsNotSentAgain(t *testing.T) {
	at := noon.Add(time.Minute)
	b := status.NewBuilder(noSecrets)
	summary := "x"
	h := status.Handler(status.NewServer(status.ServerConfig{Snapshot: func() *status.Snapshot { return b.Build(full(summary), at) }}))
	ask := func(tag string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/page/main", nil)
		r.RemoteAddr, r.Host = "127.0.0.1:1", "nas"
		r.Header.Set("If-None-Match", tag)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	first := ask(`"other"`)
	tag := first.Header().Get("ETag")
	if first.Code != http.StatusOK || len(tag) < 10 || !strings.HasPrefix(first.Body.String(), "<main") {
		t.Fatalf("first: %d, ETag %q, %q", first.Code, tag, first.Body)
	}
	at = at.Add(4 * time.Second) // time alone changes nothing
	if same := ask(tag); same.Code != http.StatusNotModified || same.Body.Len() != 0 || same.Header().Get("ETag") != tag {
		t.Errorf("unchanged: %d, %d bytes, ETag %q, not %q", same.Code, same.Body.Len(), same.Header().Get("ETag"), tag)
	}
	summary = "y"
	if changed := ask(tag); changed.Code != http.StatusOK || changed.Header().Get("ETag") == tag {
		t.Errorf("changed: %d, ETag %q", changed.Code, changed.Header().Get("ETag"))
	}
}

// TestOtherPagesMayNotAsk sends what browsers send for other pages.
func TestOtherPagesMayNotAsk(t *testing.T) {
	h := status.Handler(status.NewServer(status.ServerConfig{Snapshot: fullSnapshot}))
	for _, c := range []struct {
		origin, site, mode string
		want               int
	}{
		{"", "", "", 200}, {"", "none", "navigate", 200}, {"", "same-origin", "cors", 200}, {"", "same-origin", "no-cors", 200},
		{"", "cross-site", "navigate", 200}, // a link on another page
		{"https://evil.example", "", "", 403}, {"https://evil.example", "cross-site", "cors", 403}, {"null", "cross-site", "cors", 403},
		{"", "cross-site", "no-cors", 403}, {"", "same-site", "no-cors", 403},
	} {
		for _, path := range []string{"/", "/page/main", "/api/v1/status", "/page.js", "/healthz"} {
			r := httptest.NewRequest("GET", path, nil)
			r.RemoteAddr, r.Host = "192.168.1.20:1", "nas"
			for name, value := range map[string]string{"Origin": c.origin, "Sec-Fetch-Site": c.site, "Sec-Fetch-Mode": c.mode} {
				if value != "" {
					r.Header.Set(name, value)
				}
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != c.want {
				t.Errorf("%s with %+v: %d", path, c, w.Code)
			}
			if w.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s with %+v lets others read it", path, c)
			}
		}
	}
}

// TestTheStyleAsksNobody holds for what the browser test cannot see: rules that
// are not in force there.
func TestTheStyleAsksNobody(t *testing.T) {
	h := status.Handler(status.NewServer(status.ServerConfig{Snapshot: fullSnapshot}))
	for _, path := range []string{"/style.css", "/page.js", "/icon.svg"} {
		r := httptest.NewRequest("GET", path, nil)
		r.RemoteAddr, r.Host = "127.0.0.1:1", "nas"
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		body := bytes.ReplaceAll(w.Body.Bytes(), []byte("http://www.w3.org/2000/svg"), nil)
		if found := regexp.MustCompile(`url\(|@import|https?:|//[a-z]+\.[a-z]|eval\(|innerHTML|document\.write`).Find(body); found != nil {
			t.Errorf("%s holds %q", path, found)
		}
		if len(body) == 0 || len(body) > 16<<10 {
			t.Errorf("%s has %d bytes", path, len(body))
		}
	}
}

// TestStripsShowTheWeek counts the bars of a link that broke and was mended.
func TestStripsShowTheWeek(t *testing.T) {
	s := status.NewBuilder(noSecrets).Build(full("x"), noon)
	s.Chain[0].Since, s.Chain[0].Status = noon.Add(-time.Hour), fact.VerdictPass
	s.History = &status.History{Links: []status.LinkChange{
		{At: noon.Add(-time.Hour), ID: "wan", Status: fact.VerdictPass, Summary: "mended"},
		{At: noon.Add(-25 * time.Hour), ID: "wan", Status: fact.VerdictFail, Summary: "broke"},
		{At: noon.Add(-2 * time.Hour), ID: "ddns", Status: fact.VerdictPass},
		{At: noon.Add(-9 * 24 * time.Hour), ID: "wan", Status: fact.VerdictWarn, Summary: "long ago"},
		{At: noon.Add(-10 * 24 * time.Hour), ID: "wan", Status: fact.VerdictFail, Summary: "before that"},
	}}
	text := rendered(t, s)
	_, strip, _ := strings.Cut(text, `<figure class="strip"><figcaption>Public address`)
	strip, _, _ = strings.Cut(strip, "</figure>")
	bars := regexp.MustCompile(`<rect class="(\w+)" x="(\d+)" y="\d+" width="(\d+)"`).FindAllStringSubmatch(strip, -1)
	var got []string
	for _, b := range bars {
		got = append(got, fmt.Sprint(b[1], " ", b[2], "+", b[3]))
	}
	// A unit is ten minutes, and the end is the next full ten.
	if want := []string{"warn 0+857", "fail 857+144", "pass 1001+7"}; !reflect.DeepEqual(got, want) {
		t.Errorf("the bars are %q, want %q", got, want)
	}
	if !strings.Contains(strip, "2 changes; works now") {
		t.Errorf("the strip says %s", strip)
	}
}
