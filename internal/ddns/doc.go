// Package ddns makes the public A records of the home's names say the home's
// public address, and verifies that they do, at the servers that the world
// gets its answers from.
//
// A Manager runs one loop for each record, so that one record's trouble does
// not hold up another. Every round looks first: it asks the zone's
// authoritative servers (package authority), and only then decides (plan.go).
// What is already right is never sent again, not even after a restart. A value
// is written once; after that the servers are asked at growing intervals until
// they show it. The same value is written again only when it was seen there
// and was then changed by somebody, or after long and growing waits.
//
// Only an address that is Known is ever written. Unknown and None change
// nothing, and nothing is ever deleted.
//
// What was last sent, and a refusal that must not be provoked again, are kept
// in a state file (state.go) over restarts, without any secret.
//
// The providers themselves are in package provider.
package ddns
