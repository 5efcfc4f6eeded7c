package lan

// What Changes tells.

// The kinds of change, from the one that tells least.
const (
	ChangeNone    = "none"    // nothing yet: from now on it is told
	ChangeLink    = "link"    // an interface went up or down
	ChangeRoute   = "route"   // a default route came or went
	ChangeAddress = "address" // an address came, went, or was deprecated
	ChangeLost    = "lost"    // the kernel had more to tell than could be heard
)
