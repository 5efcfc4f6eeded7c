// Package pcp speaks NAT-PMP (RFC 6886) and its successor PCP (RFC 6887) with
// one router: both are small datagrams on the same port, told apart by their
// first octet. It asks for the external address, reads announcements, and
// tells from the epoch in every answer whether the router has restarted.
//
// Neither protocol has authentication. What a datagram says counts only where
// its caller knows that it came from the gateway, and only if it answers the
// very request that was sent.
package pcp
