package page

// How the page looks: in every state, on a phone and on a desk, in the light and
// in the dark.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/status"
)

// contrasts lists, in JavaScript, every piece of text that can not be told well
// from what is behind it: less than 4.5 to 1 (WCAG 2.2, 1.4.3).
const contrasts = `(() => {
	const part = (c) => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
	const rgb = (text) => text.match(/[\d.]+/g).map(Number);
	const light = (c) => 0.2126 * part(c[0]) + 0.7152 * part(c[1]) + 0.0722 * part(c[2]);
	const behind = (e) => {
		for (; e; e = e.parentElement) {
			const c = rgb(getComputedStyle(e).backgroundColor);
			if (c.length < 4 || c[3] === 1) return c;
			if (c[3] !== 0) return [NaN, NaN, NaN];
		}
		return [NaN, NaN, NaN];
	};
	const bad = [];
	let looked = 0;
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walk.nextNode()) {
		const e = walk.currentNode.parentElement;
		if (!walk.currentNode.data.trim() || e.closest("svg, noscript") || !e.getClientRects().length) continue;
		looked++;
		const one = light(rgb(getComputedStyle(e).color)), two = light(behind(e));
		const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
		if (!(ratio >= 4.5)) bad.push(ratio.toFixed(2) + ": " + walk.currentNode.data.slice(0, 40));
	}
	for (const shape of document.querySelectorAll("svg.shape, .plot .line")) {
		const one = light(rgb(getComputedStyle(shape).stroke)), two = light(behind(shape.parentElement));
		if (!((Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05) >= 3)) bad.push("a drawing: " + shape.outerHTML.slice(0, 60));
	}
	return looked < 30 ? "only " + looked + " texts were seen" : bad.join("; ");
})()`

// unfold opens everything that can be opened.
const unfold = `document.querySelectorAll("details").forEach((d) => { d.open = true; })`

// looks looks at one state in every way.
func looks(t *testing.T, name string, s *status.Snapshot) {
	h := serve(t, s)
	for _, how := range []struct {
		name  string
		width int64
		mode  string
	}{{"phone", 360, "light"}, {"phone-dark", 360, "dark"}, {"desk", 1280, "light"}, {"desk-dark", 1280, "dark"}} {
		b := open(t, h, how.width, media("prefers-color-scheme", how.mode))
		b.picture(name + "-" + how.name)
		b.text(unfold)
		b.want(`document.querySelectorAll("#cards .card").length`, "8")
		b.want(`document.querySelectorAll("#chain a").length`, "8")
		b.want(`[...document.querySelectorAll("#chain a")].every((a) => document.querySelector(a.getAttribute("href")))`, "true")
		b.want(`document.documentElement.scrollWidth <= innerWidth`, "true")
		b.want(contrasts, "")
		for i, link := range s.Chain {
			b.want(fmt.Sprintf(`document.querySelectorAll("#chain a svg")[%d].getAttribute("aria-label")`, i), words[link.Status])
			b.want(fmt.Sprintf(`document.getElementById("link-%s").innerText.includes(%q)`, link.ID, words[link.Status]), "true")
		}
		if strings.HasSuffix(how.name, "dark") {
			b.want(`getComputedStyle(document.body).backgroundColor`, "rgb(22, 21, 20)")
		} else {
			b.want(`getComputedStyle(document.body).backgroundColor`, "rgb(251, 250, 248)")
		}
	}
}

// words are the verdicts as the page says them.
var words = map[fact.Verdict]string{fact.VerdictPass: "works", fact.VerdictWarn: "needs a look", fact.VerdictFail: "broken", fact.VerdictUnknown: "not known"}

func TestAHomeThatWorks(t *testing.T) {
	s := whole()
	looks(t, "works", s)
	b := open(t, serve(t, s), 1280)
	for expression, want := range map[string]string{
		`document.title`:                                      "works: edgeguard",
		`document.querySelector("h1").innerText`:              "Everything works, from the street to the sofa",
		`document.querySelectorAll(".plot path.line").length`: "3",
		`[...document.querySelectorAll(".plot svg")].every((p) => p.getAttribute("aria-label").includes("last"))`: "true",
		`document.querySelectorAll(".strip svg").length`:                                                          "8",
		`document.querySelectorAll("#setup details").length`:                                                      "7",
		`document.getElementById("services").innerText.includes("63 days left")`:                                  "true",
		`/Lease left\s.*\(in \d+ (hour|minute)s?\)/.test(document.getElementById("forwards").innerText)`:          "true",
		// Each verdict has a drawing of its own, so that it is told without colours.
		`document.querySelectorAll("#chain svg circle:not([stroke-dasharray])").length`: "8",
	} {
		b.want(expression, want)
	}
}

func TestEachLinkBroken(t *testing.T) {
	for i, id := range status.LinkIDs() {
		h := serve(t, broken(i, fact.VerdictFail))
		b := open(t, h, 360)
		b.picture("broken-" + id)
		name := b.text(fmt.Sprintf(`document.querySelectorAll("#chain .name")[%d].innerText`, i))
		b.want(`document.querySelector("h1").innerText`, "Broken: "+name)
		b.want(`document.getElementById("top").innerText.includes("First: Mend `+id+`.")`, "true")
		b.want(`document.querySelectorAll("#chain li.fail svg path[d^='M16 4h16']").length`, "1")
		b.want(`document.documentElement.scrollWidth <= innerWidth`, "true")
	}
}

func TestLooksOfWarningAndFailure(t *testing.T) {
	s := broken(4, fact.VerdictFail)
	s.Chain[7].Status = fact.VerdictWarn
	s.Chain[2].Status = fact.VerdictUnknown
	s.Config.Error = new("line 3: dns.listen: no such address")
	looks(t, "mixed", s)
}

func TestAHomeThatNeedsALook(t *testing.T) {
	looks(t, "expiring", expiring())
	b := open(t, serve(t, expiring()), 1280)
	b.want(`document.querySelector("h1").innerText`, "It works, but Certificate needs a look")
	b.want(`document.getElementById("services").innerText.includes("9 days left")`, "true")
	b.want(`document.querySelectorAll("#chain li.warn svg path[d='M24 5 45 42H3z']").length`, "1")
}

func TestANewStart(t *testing.T) { looks(t, "start", starting()) }

func TestMuchOfEverything(t *testing.T) { looks(t, "crowded", crowded()) }

// TestTheSetupOfClientsForAnOwnAuthority shows what a phone needs then.
func TestTheSetupOfClientsForAnOwnAuthority(t *testing.T) {
	s := whole()
	s.Services[0].Certificate.Trusted, s.Services[0].Certificate.Why = false, new("it is signed by an authority that is not known")
	b := open(t, serve(t, s), 360)
	b.text(unfold)
	for _, want := range []string{"--cafile ca.crt", "Certificate Trust Settings", "SERVER CERTIFICATE (CA)", "MqttFingerprint1 A1 A1"} {
		b.want(fmt.Sprintf(`document.getElementById("setup").innerText.includes(%q)`, want), "true")
	}
}
