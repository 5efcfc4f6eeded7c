// Package ssdp finds the router's description by UPnP's simple service
// discovery protocol (UPnP Device Architecture 2.0, section 1.3).
//
// A search goes to the gateway itself and, on each of this host's interfaces by
// a socket of its own, to the group: an interface that a firewall closes hides
// none of the others.
//
// Anybody in the LAN hears what goes to the group, and can answer it in the
// gateway's name. What goes to the gateway itself comes from a socket that
// nobody else learns the port of, so the answers to that have bounds of their
// own, and go first.
//
// A reply is an unauthenticated datagram that anyone on the LAN can send, so
// it counts only where it comes from the gateway's own address and points back
// at that very address. Everything else that a reply says, our own address
// above all, is not believed. Other hosts of our networks that answer as
// routers are named, and no more.
package ssdp
