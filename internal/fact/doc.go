// Package fact holds the few immutable values that cross from one concern of
// edgeguard to another: what is known of an address, what a link of the chain
// looks like, what a port mapping says. It is a leaf: it imports the standard
// library only, and nothing here has behaviour beyond comparing and naming.
package fact
