package status_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/status"
)

func TestText(t *testing.T) {
	in := full("x")
	in.WAN.Link.Action = ""
	b := status.NewBuilder(noSecrets)
	s := b.Build(in, noon)
	s.Chain = s.Chain[:3]
	s.Chain[1].Status = fact.VerdictUnknown
	var got bytes.Buffer
	if err := status.WriteText(&got, s); err != nil {
		t.Fatal(err)
	}
	const want = `edgeguard 1.2.3 x: fail, as of 2026-11-21 11:00:00 UTC

The config file has a fault, so the older config is still in force: line 3 x

PASS  wan          wan x
                   since   2026-11-21 11:00:00 UTC
                   events  gena on, announcements off (in use x), ssdp off
                   hint    gena x at 2026-11-21 11:00:00 UTC

????  ddns         ddns x
                   since   2026-11-21 11:00:00 UTC
                   action  do this about ddns x
                   record  myhome.duckdns.org A: changed 2026-11-21 11:00:02 UTC, wrong since 2026-11-21 11:00:01 UTC, DNS questions about it are intercepted

FAIL  forward      forward x
                   since   2026-11-21 11:00:00 UTC
                   action  do this about forward x
`
	if got.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", got.String(), want)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestTextSaysWhenItCouldNotBeWritten(t *testing.T) {
	if err := status.WriteText(fullDisk{}, fullSnapshot()); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("got %v", err)
	}
}

// TestPage reads the page as the browser would under its policy: every link
// with verdict, summary, since and action; nothing inline; foreign text inert.
func TestPage(t *testing.T) {
	in := full(`<script>alert("x")</script>`)
	in.WAN.Link.Action = ""
	page, err := status.HTML(status.NewBuilder(noSecrets).Build(in, noon))
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for _, id := range status.LinkIDs() {
		if !strings.Contains(text, `<th scope="row">`+id+`</th>`) {
			t.Errorf("the page has no row for %s", id)
		}
	}
	for _, want := range []string{`lang="en"`, "<main>", "<caption>", `<time datetime="2026-11-21T11:00:00Z">2026-11-21 11:00:00 UTC</time>`, "do this about ddns", ">FAIL</span>", ">????</span>", "Nothing</td>",
		"<li>wan events: gena on, announcements off (in use &lt;script&gt;", "<li>ddns record: myhome.duckdns.org A: changed 2026-11-21 11:00:02 UTC"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if bad := regexp.MustCompile(`(?i)<script|<style|\sstyle=|\son[a-z]+=|javascript:|<img|<iframe`).FindString(text); bad != "" {
		t.Errorf("the page holds %q", bad)
	}
	// Well-formed, but for the two void elements of its head.
	d := xml.NewDecoder(bytes.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("the page is not well-formed: %v", err)
		}
	}
}
