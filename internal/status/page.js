// The page's script: it asks for the part of the page that changes, puts in what
// is new and leaves the rest alone, so that what is open stays open and the
// focus stays where it is. All its words stand in the page. Without it the page
// is the same, only not by itself.
"use strict";
(() => {
	const every = 4000; // ms between two questions
	const patience = 15000; // ms that an answer may take
	const slowest = 60000; // ms between two questions while nobody answers

	const body = document.body;
	const main = document.getElementById("main");
	const gone = document.getElementById("gone");
	const news = document.getElementById("news");
	const asOf = document.getElementById("as-of");
	const far = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });

	let tag = ""; // of the part that is shown
	let answered = new Date(); // when the last good answer came
	let wait = every;
	let timer = 0;
	let asking = false;

	const fill = (text, values) => text.replace(/\{(\w+)\}/g, (all, word) => (word in values ? values[word] : all));
	const two = (n) => String(n).padStart(2, "0");
	const clock = (d) => two(d.getHours()) + ":" + two(d.getMinutes()) + ":" + two(d.getSeconds());
	const local = (d) => d.getFullYear() + "-" + two(d.getMonth() + 1) + "-" + two(d.getDate()) + " " + clock(d);

	// How far away a time is, in whole minutes, hours or days.
	function away(then) {
		const minutes = Math.trunc((then - Date.now()) / 60000);
		const far0 = Math.abs(minutes);
		if (far0 < 60) return far.format(minutes, "minute");
		if (far0 < 48 * 60) return far.format(Math.trunc(minutes / 60), "hour");
		return far.format(Math.trunc(minutes / (24 * 60)), "day");
	}

	const set = (node, text) => { if (node.textContent !== text) node.textContent = text; };

	// Times are told in the reader's zone, and relative to now.
	function times(root) {
		for (const node of root.querySelectorAll("time[datetime]")) {
			const then = new Date(node.getAttribute("datetime"));
			if (isNaN(then)) continue;
			set(node, local(then));
			const span = node.nextElementSibling;
			if (span && span.className === "ago") set(span, " (" + away(then) + ")");
		}
	}

	// Makes the children and attributes of is those of want. Elements with an id
	// are matched by it; a <details> stays as open as it is.
	function morph(is, want) {
		for (const a of [...is.attributes]) {
			if (!want.hasAttribute(a.name) && a.name !== "open") is.removeAttribute(a.name);
		}
		for (const a of want.attributes) {
			if (is.getAttribute(a.name) !== a.value) is.setAttribute(a.name, a.value);
		}
		let at = is.firstChild;
		for (const next of [...want.childNodes]) {
			let found = null;
			if (next.id) {
				found = [...is.children].find((child) => child.id === next.id && child.nodeName === next.nodeName) || null;
			} else if (at && !at.id && at.nodeName === next.nodeName) {
				found = at;
			}
			if (!found) {
				is.insertBefore(document.importNode(next, true), at);
				continue;
			}
			if (found === at) at = at.nextSibling;
			else is.insertBefore(found, at);
			if (next.nodeType === Node.ELEMENT_NODE) morph(found, next);
			else if (found.nodeValue !== next.nodeValue) found.nodeValue = next.nodeValue;
		}
		while (at) {
			const rest = at.nextSibling;
			at.remove();
			at = rest;
		}
	}

	const verdicts = (root) => new Map([...root.querySelectorAll("[data-verdict]")].map((card) => [card.id, card]));

	// What to say aloud: the links whose verdict is another one.
	function changes(before, after) {
		const said = [];
		for (const [id, card] of verdicts(after)) {
			const was = before.get(id);
			if (was === undefined || was === card.dataset.verdict) continue;
			const word = (name) => card.querySelector("." + name).textContent;
			said.push(fill(body.dataset.changed, { name: word("name"), verdict: word("verdict"), summary: word("summary") }));
		}
		return said.join(" ");
	}

	function show(text) {
		const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("main");
		if (!fresh) throw new Error("no page");
		if (fresh.dataset.version !== main.dataset.version) {
			location.reload(); // another edgeguard, with another script and style
			return;
		}
		times(fresh);
		const before = new Map([...verdicts(main)].map(([id, card]) => [id, card.dataset.verdict]));
		morph(main, fresh);
		document.title = main.dataset.title;
		const said = changes(before, main);
		if (said) news.textContent = said;
	}

	function good() {
		if (gone.textContent) {
			gone.textContent = "";
			news.textContent = body.dataset.back;
		}
		answered = new Date();
		wait = every;
		set(asOf, fill(body.dataset.lastAnswer, { time: clock(answered) }));
	}

	function bad(code) {
		set(gone, fill(code ? body.dataset.notReady : body.dataset.gone, { time: local(answered), code: code }));
		wait = Math.min(2 * wait, slowest);
	}

	async function ask() {
		if (asking || document.hidden) return;
		asking = true;
		clearTimeout(timer);
		const giveUp = new AbortController();
		const late = setTimeout(() => giveUp.abort(), patience);
		try {
			const answer = await fetch("/page/main", { cache: "no-store", redirect: "error", signal: giveUp.signal, headers: tag ? { "If-None-Match": tag } : {} });
			if (answer.status === 200) {
				show(await answer.text());
				tag = answer.headers.get("ETag") || "";
				good();
			} else if (answer.status === 304) {
				good();
			} else {
				bad(answer.status);
			}
		} catch (e) {
			bad(0);
		} finally {
			clearTimeout(late);
			asking = false;
		}
		times(document);
		timer = setTimeout(ask, wait);
	}

	document.addEventListener("visibilitychange", () => {
		clearTimeout(timer);
		if (!document.hidden) ask();
	});
	window.addEventListener("online", ask);
	times(document);
	timer = setTimeout(ask, every);
})();
