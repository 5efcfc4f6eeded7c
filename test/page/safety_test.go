package page

// What hostile text does to the page, and what the page is without its script.

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/status"
)

// hostile is a home in which every text that may come from others tries to
// become markup, script or style.
func hostile(t *testing.T) *status.Snapshot {
	t.Helper()
	body, err := status.JSON(whole())
	if err != nil {
		t.Fatal(err)
	}
	var all any
	if err := json.Unmarshal(body, &all); err != nil {
		t.Fatal(err)
	}
	body, err = json.Marshal(poison(all))
	if err != nil {
		t.Fatal(err)
	}
	var s status.Snapshot
	if err := json.Unmarshal(body, &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

const poisoned = `"'><script>window.hurt = 1</script><img src="http://192.0.2.1/x" onerror="window.hurt = 1"><style>*{display:none}</style></main><a href="javascript:window.hurt=1">`

// poison puts hostile text into the place of every text that no form is laid
// down for.
func poison(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			switch key {
			// Times, addresses, verdicts and ids have a form of their own.
			case "status", "id", "at", "end", "address", "ipv4", "ipv6", "desired", "published", "internal", "router", "gateway", "dns", "listen", "source_seen",
				"started_at", "generated_at", "since", "changed_at", "observed_at", "verified_at", "lease_expires_at", "read_back_at", "not_before", "not_after", "next_renewal_at", "next_attempt_at", "written_at", "reloaded_at", "checked_at", "last_at", "through_router", "queries":
				if _, deep := inner.(map[string]any); deep {
					v[key] = poison(inner)
				}
			default:
				v[key] = poison(inner)
			}
		}
	case []any:
		for i := range v {
			v[i] = poison(v[i])
		}
	case string:
		return poisoned
	}
	return v
}

func TestHostileTextIsInert(t *testing.T) {
	s := hostile(t)
	looks(t, "hostile", s)
	before := whole()
	before.Version = s.Version // as another one would load the page anew
	h := serve(t, before)
	b := open(t, h, 1280)
	h.shown.Store(s) // and again as news, by the script
	b.await("the hostile text is shown", `document.getElementById("link-wan").innerText.includes("<script>window.hurt")`)
	b.text(unfold)
	b.want(`typeof window.hurt`, "undefined")
	b.want(`document.querySelectorAll("main script, img, style, iframe, [onerror]").length`, "0")
	b.want(`[...document.querySelectorAll("a")].every((a) => ["#main", "/api/v1/status", "/snippets", "/ca/"].includes(a.getAttribute("href")) || a.getAttribute("href").startsWith("#link-"))`, "true")
	if n := strings.Count(b.text(`document.body.innerText`), "window.hurt = 1"); n < 20 {
		t.Errorf("the hostile text is shown %d times only, so this test sees little", n)
	}
}

// TestWithoutScript reads the page as a browser that runs none.
func TestWithoutScript(t *testing.T) {
	b := open(t, serve(t, whole()), 360, withoutScript())
	b.want(`document.querySelector("noscript").innerText.includes("Reload")`, "true")
	b.want(`document.querySelectorAll("#cards .card").length`, "8")
	b.want(`document.querySelector("#link-wan .since").innerText.includes("hours ago")`, "true")
	b.picture("without-script")
}
