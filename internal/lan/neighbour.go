package lan

// The neighbours: who is at which address of the networks that we are in.

import "net/netip"

// Neighbour is a device at an address of a network of ours.
type Neighbour struct {
	Addr netip.Addr
	// MAC is its hardware address in the form aa:bb:cc:dd:ee:ff.
	MAC string
	// Confirmed is whether it was heard there lately.
	Confirmed bool
}
