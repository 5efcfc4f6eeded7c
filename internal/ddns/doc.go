// Package ddns makes the public A and AAAA records of the home's names say the
// home's public addresses, and verifies that they do, at the servers that the
// world gets its answers from.
//
// A Manager runs one loop for each record, which is a name and a type, so that
// one record's trouble does not hold up another. A round asks the zone's
// authoritative servers (package authority), and only then decides (plan.go);
// but where a record is known to say another address than it should, because
// the servers or the provider said so and the address has changed since, the
// write comes first and the look afterwards. What is already right is never
// sent again, not even after a restart. A value is written once; after that
// the servers are asked at growing intervals until they show it. The same
// value is written again only when it was seen there and was then changed by
// somebody, or when the servers go on saying something else for long and
// growing waits. Whoever changes it again and again is given longer and longer
// before it is put right.
//
// Three writes of a record never fall into less than a minute and a half, so a
// storm of changes ends with the third. The records of one account write one
// after the other, and a wait that the provider asks for is for all of them. A
// wait after a failure is never without a lot, so that homes that were refused
// together do not come back together.
//
// A record that is as it should be costs one question to one server every two
// hours; where there are several, each is looked at more rarely. A look after a
// write, and one that was asked for with Kick, asks all. Where port 53 is intercepted, nothing that came over it counts, and nothing
// is written because of it; a resolver asked over an encrypted connection is
// then evidence enough that a record is right, and never that it is wrong.
//
// Only an address that is Known is ever written. Unknown and None change
// nothing. Nothing is deleted but a record with DeleteOnExit, when the Manager
// ends without another to go on with it (exit.go).
//
// What was last sent, and a refusal that must not be provoked again, are kept
// in a state file (state.go) over restarts, without any secret.
//
// The providers themselves are in package provider.
package ddns
