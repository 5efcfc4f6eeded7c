package page

// What the page does while it stands open.

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/edgeguard/edgeguard/internal/fact"
)

func TestNewsAppearWithoutAReload(t *testing.T) {
	h := serve(t, whole())
	b := open(t, h, 1280)
	// What a person has done to the page, and a mark on what must not be replaced.
	b.text(`(document.getElementById("more-ddns").open = true, document.querySelector("#more-wan summary").focus(), scrollTo(0, 300),
		document.getElementById("link-ddns").mark = 1, window.mark = 1)`)
	b.await("nothing changed and nothing was sent", `document.getElementById("as-of").textContent.startsWith("Last answer")`)
	place := b.text(`Math.round(document.getElementById("link-ddns").getBoundingClientRect().top)`)

	h.shown.Store(broken(1, fact.VerdictFail))
	b.await("the news is there", `document.querySelector("h1").innerText === "Broken: DNS record"`)
	b.want(`window.mark`, "1")
	b.want(`document.getElementById("link-ddns").mark`, "1")
	b.want(`document.getElementById("more-ddns").open`, "true")
	b.want(`document.activeElement === document.querySelector("#more-wan summary")`, "true")
	// The news stand above, and what was being read stays where it was.
	b.want(`Math.abs(document.getElementById("link-ddns").getBoundingClientRect().top - `+place+`) < 3`, "true")
	b.want(`document.title`, "broken: edgeguard")
	b.want(`document.querySelector("#chain li.fail .name").innerText`, "DNS record")
	b.want(`document.getElementById("news").getAttribute("role")`, "status")
	b.want(`document.getElementById("news").textContent`, "DNS record: broken. This link was broken by the test, so that phones do not get in.")
	b.picture("news")

	h.shown.Store(whole())
	b.await("it is whole again", `document.querySelector("h1").innerText.startsWith("Everything works")`)
	b.want(`document.getElementById("more-ddns").open`, "true")
	b.want(`window.mark`, "1")
}

func TestAnUnchangedStateCostsNothing(t *testing.T) {
	b := open(t, serve(t, whole()), 1280)
	b.text(`(window.changed = 0, new MutationObserver((all) => { window.changed += all.length; }).observe(document.getElementById("top"), { subtree: true, childList: true, characterData: true, attributes: true }))`)
	b.await("it has asked several times", `performance.getEntriesByName(location.origin + "/page/main").length >= 3`)
	if n := b.unchangedAnswers(); n < 1 {
		t.Errorf("%d answers said that nothing had changed", n)
	}
	b.want(`window.changed`, "0")
}

func TestEdgeguardGoesAndComesBack(t *testing.T) {
	h := serve(t, whole())
	b := open(t, h, 360)
	b.want(`document.getElementById("gone").getClientRects().length`, "0")
	b.forgive()
	h.stop()
	b.await("the page says that nobody answers", `document.getElementById("gone").textContent.startsWith("edgeguard does not answer.")`)
	b.want(`document.getElementById("gone").getAttribute("role")`, "alert")
	b.want(`document.documentElement.scrollWidth <= innerWidth`, "true")
	b.want(contrasts, "")
	b.picture("gone")
	h.start()
	b.await("the page says that it is back", `document.getElementById("gone").textContent === "" && document.getElementById("news").textContent === "edgeguard answers again."`)
}

func TestAStartingEdgeguardIsNotTakenForAPage(t *testing.T) {
	h := serve(t, whole())
	b := open(t, h, 1280)
	b.forgive()
	h.shown.Store(nil)
	b.await("the page says so", `document.getElementById("gone").textContent.includes("HTTP 503")`)
	b.want(`document.querySelectorAll("#cards .card").length`, "8")
}

func TestAnotherVersionBringsItsOwnPage(t *testing.T) {
	h := serve(t, whole())
	b := open(t, h, 1280)
	b.text(`window.mark = 1`)
	newer := whole()
	newer.Version = "1.0.1"
	h.shown.Store(newer)
	// The poll ends where the page is loaded anew, so it is asked again.
	for b.text(`window.mark`) == "1" {
		_ = chromedp.Do(b.ctx, chromedp.Poll[chromedp.Void](`!window.mark`, chromedp.WithPollingTimeout(patience)))
	}
	b.await("the new page is there", `document.querySelector("footer") && document.querySelector("footer").innerText.includes("1.0.1")`)
}

func TestByKeyboard(t *testing.T) {
	b := open(t, serve(t, whole()), 1280)
	var order []string
	for range 60 {
		b.run(chromedp.KeyEvent(kb.Tab))
		at := b.text(`(document.activeElement.getAttribute("href") || document.activeElement.parentElement.id || document.activeElement.tagName)`)
		order = append(order, at)
		// What has the focus is marked by more than a colour.
		b.want(`getComputedStyle(document.activeElement).outlineStyle`, "solid")
		if at == "/api/v1/status" {
			break
		}
	}
	want := []string{"#main"}
	for _, link := range whole().Chain {
		want = append(want, "#link-"+link.ID)
	}
	for _, link := range whole().Chain {
		want = append(want, "more-"+link.ID)
	}
	for i, w := range want {
		if i >= len(order) || order[i] != w {
			t.Fatalf("by Tab one comes to %q, want first %q", order, want)
		}
	}
	if order[len(order)-1] != "/api/v1/status" {
		t.Errorf("by Tab one never comes to the end: %q", order)
	}
	// From the picture to the card, and into what is folded there.
	b.text(`document.querySelector('#chain a[href="#link-broker"]').focus()`)
	b.run(chromedp.KeyEvent(kb.Enter))
	b.await("the card has been reached", `location.hash === "#link-broker"`)
	b.run(chromedp.KeyEvent(kb.Tab))
	b.want(`document.activeElement.parentElement.id`, "more-broker")
	b.run(chromedp.KeyEvent(kb.Enter))
	b.await("it has been opened", `document.getElementById("more-broker").open`)
}

func TestNothingMovesForThoseWhoDoNotLikeIt(t *testing.T) {
	h := serve(t, whole())
	b := open(t, h, 1280, media("prefers-reduced-motion", "reduce"))
	const moving = `[...document.querySelectorAll("*")].filter((e) => { const s = getComputedStyle(e);
		return s.scrollBehavior === "smooth" || parseFloat(s.transitionDuration) > 0 || s.animationName !== "none"; }).length`
	b.want(moving, "0")
	if other := open(t, h, 1280, media("prefers-reduced-motion", "no-preference")); other.text(moving) == "0" {
		t.Error("nothing moves for anybody, so this test sees nothing")
	}
}
