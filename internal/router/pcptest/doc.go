// Package pcptest is a router on loopback that speaks PCP (RFC 6887) and
// NAT-PMP (RFC 6886), for tests: it keeps a table of mappings, and can be told
// to do what odd routers do. It reads and writes the octets by itself, so that
// what it shares with package pcp is the RFCs.
package pcptest
