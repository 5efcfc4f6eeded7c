package status_test

// The page of other ways out.

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/snippet"
	"github.com/edgeguard/edgeguard/internal/status"
)

// Every text can be copied whole from the page as it is.
func TestSnippetsAreWholeOnThePage(t *testing.T) {
	list := snippet.All(snippet.Input{
		Names:    []snippet.Name{{Name: "mqtt.example.org", V4: []netip.Addr{netip.MustParseAddr("192.168.1.10")}}, {Name: "*.example.org", V4: []netip.Addr{netip.MustParseAddr("192.168.1.10")}}},
		Services: []snippet.Service{{Name: "mqtt", Address: netip.MustParseAddrPort("192.168.1.10:8883"), ExternalPort: 8883}},
		DNS:      netip.MustParseAddr("192.168.1.2"), LAN: netip.MustParsePrefix("192.168.1.0/24"),
	})
	page := string(status.Snippets(list, nil))
	wellFormed(t, page)
	for _, s := range list {
		_, after, found := strings.Cut(page, `<details id="snippet-`+s.ID+`">`)
		_, after, pre := strings.Cut(after, "<pre><code>")
		text, _, ended := strings.Cut(after, "</code></pre>")
		if !found || !pre || !ended || plainText(text) != s.Text {
			t.Errorf("%s is on the page as %q, want %q", s.ID, text, s.Text)
		}
	}
}

// plainText undoes what html.EscapeString does.
func plainText(s string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&#34;", `"`, "&#39;", "'", "&amp;", "&").Replace(s)
}

func TestSnippetsAreInertAndBounded(t *testing.T) {
	evil := `</code><script>alert("hunter2hunter2")</script>`
	long := strings.Repeat("x\n", 1<<20)
	page := string(status.Snippets([]snippet.Snippet{
		{ID: "a", Title: evil, Where: evil, Text: evil + "\n", Notes: []string{evil}}, {ID: "b", Title: "long", Text: long},
	}, []secret.Value{secret.New("hunter2hunter2")}))
	wellFormed(t, page)
	if strings.Contains(page, "<script") || strings.Contains(page, "hunter2hunter2") || len(page) > 1<<20 || !strings.Contains(page, "edgeguard snippets b") {
		t.Errorf("the page is %.2000s", page)
	}
	if empty := string(status.Snippets(nil, nil)); !strings.Contains(empty, "Nothing can be said yet.") {
		t.Errorf("without any: %s", empty)
	}
}
