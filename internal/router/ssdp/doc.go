// Package ssdp finds the router's description by UPnP's simple service
// discovery protocol (UPnP Device Architecture 2.0, section 1.3).
//
// A reply is an unauthenticated datagram that anyone on the LAN can send, so
// it counts only where it comes from the gateway's own address and points back
// at that very address. Everything else that a reply says, our own address
// above all, is not believed.
package ssdp
