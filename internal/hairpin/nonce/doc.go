// Package nonce finds out whom a service sees when a device of the home calls
// it by the public address. It opens a door of its own: a listener that lives for
// some seconds, with a short-lived mapping on the router that leads to it. Then it
// calls the public address at that port and says a nonce. If the call arrives the
// router loops back, and the address that it arrives from is what every service
// sees of the home's devices that come that way.
//
// The door is open to the whole Internet for these seconds. So its port is drawn
// by lot, what does not begin with the nonce is hung up, nothing is ever sent, and
// connections, bytes and time are bounded.
package nonce
