// Package page drives the status page in a real browser, Debian's Chromium
// without a window: what it looks like in every state of the chain, on a phone,
// in the dark, by keyboard, and while edgeguard comes and goes. It holds tests
// only.
//
// Each test has a tab of its own in one browser, and a real status server on
// loopback. Pictures of what was seen are left in the folder that
// EDGEGUARD_ARTEFACTS names, and nowhere unless it is set. Without Chromium the
// tests are skipped and say why; EDGEGUARD_LAB=require makes that a failure.
//
//	EDGEGUARD_ARTEFACTS=/tmp/pictures go test -v -count=1 ./test/page
package page
