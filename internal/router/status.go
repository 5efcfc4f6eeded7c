package router

// What is known of the router, for the status page and for those who must act
// when it is another one.

import (
	"net/netip"
	"time"
)

// Status is what is known of the router. It is immutable.
type Status struct {
	// Found is whether a router that speaks UPnP-IGD is known now.
	Found bool
	// Address is the router's LAN address; the zero Addr unless Found.
	Address netip.Addr
	// Local is our own address as the router sees it; zero unless Found.
	Local netip.Addr
	// Manufacturer, Model and UDN are the router's own words, cut and cleaned.
	Manufacturer, Model, UDN string
	// Generation grows by one with every discovery that succeeded: whoever
	// keeps something on the router looks again when it changed.
	Generation uint64
	// FoundAt is when the router was discovered; zero unless Found.
	FoundAt time.Time
	// Err is why there is none, in words; empty when Found or not yet tried.
	Err string
	// Events are the event sources that Run listens to.
	Events EventSources
}
