// Package relay is a TCP pass-through to a service on another host, for routers
// that forward a port only to the host that asks (miniupnpd's secure mode). The
// router forwards to the relay, and the relay carries the bytes on. TLS passes
// as it is: nothing is decrypted, looked into or changed, so the certificate
// that clients see is the service's own.
//
// The service sees the relay's address as the client's, unless it understands
// the PROXY protocol. A relay leads to its one target and nowhere else.
//
// Anybody on the internet may connect, so everything is bounded: connections,
// those of one source, the time that one may be silent, half closed or stuck,
// what the kernel and this process keep for it, and the lines in the log. Who
// comes when there is no room is turned away with a reset, at the price of one
// system call or two. What ends well on one side (FIN) ends well on the other,
// each direction by itself; anything else is a reset (RST) on both, so that
// neither side takes a part for the whole.
package relay
