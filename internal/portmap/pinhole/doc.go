// Package pinhole keeps the pinholes in the router's IPv6 firewall, through
// which the internet reaches a service's own global address: it opens them,
// asks whether they stand, renews them at half life, opens them anew when the
// address changes, and closes them when the daemon stops.
//
// Two protocols can do that: UPnP WANIPv6FirewallControl:1 and PCP (RFC 6887).
// A router that speaks neither is told by hand, and the status says what to
// enter there. One that filters no IPv6 needs nothing.
//
// The router knows a pinhole by an id, and counts ids from one again when it
// has restarted: then our id may be another host's pinhole. So an id counts
// only until the next sign that the router has restarted, and no longer than
// this process lives. After that the pinhole is asked for again, to which the
// answer is the id of the one that stands (section 2.5.3), and only then is
// anything done to an id. What is not known to be ours is never touched.
//
// While the service's address is not known, nothing is opened and nothing is
// closed.
package pinhole
