package texts

// The words of the page of other ways out. The texts to paste, and what to know
// of each, are package snippet's.

// Snippets is the page of what to paste into other DNS servers, routers and
// devices.
type Snippets struct {
	Title, Intro, Back, Link, Paste, None, TooLong string
}

var englishSnippets = Snippets{
	Title: "Other ways to the same answer",
	Intro: "Devices at home reach the service by its local address when their DNS server says so. If yours is to stay another than edgeguard, " +
		"paste one of these into it. You need one of them, and none where devices ask edgeguard.",
	Back: "Back to the chain", Link: "Devices ask another DNS server, and are to go on doing so? The same answers for that one.",
	Paste: "Goes into: {where}", None: "Nothing can be said yet.",
	TooLong: "This is too long for a page; run: edgeguard snippets {kind}",
}
