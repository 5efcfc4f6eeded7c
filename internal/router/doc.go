// Package router is the one conversation with the home's router: it finds the
// router at the default gateway, names it, forwards ports on it and asks its WAN
// address by UPnP-IGD, NAT-PMP and PCP, opens pinholes for IPv6 by PCP, and
// hears its events.
//
// Its methods look for the router when none is known, and again, once, when
// the one they know is gone: routers restart on another port and forget
// things. The router that is known stays known until another has stood all
// checks, or until it answers neither the search nor where it was. That it was
// found anew is a new Generation in Status, the sign for whoever keeps
// something on the router to look after it. One call is
// under way at a time, as some routers fail on more; callers wait for each
// other within their contexts. NAT-PMP and PCP have a turn of their own beside
// it. A router that speaks these only is known by its answers, and a new
// Generation is then that its epoch starts anew, or that it announces itself.
//
// Run listens, until it is told to end: to the events that it subscribes to
// (package gena), and to what the router tells all hosts by NAT-PMP and PCP
// (package pcp) and by SSDP. Whatever comes is a Hint and no more: the address
// is to be asked for, and the events' bodies are not even read. Signs that the
// router has restarted make Run search it, and so does a subscription that is
// lost. Without Run a Router has no goroutines, gives no hints, and does all
// the rest within the calls.
//
//	gena       events: subscribe, renew, receive
//	igd        description and SOAP
//	igdtest    a router for tests
//	multicast  sockets that hear a group
//	murmur     log lines that strangers can set off
//	pcp        NAT-PMP and PCP
//	pcptest    a router that speaks them, for tests
//	ssdp       searches and notifications
//
// Other hosts that answer the search as routers are told in Status, and never
// spoken to. A container on a bridge finds the router by unicast, given its
// address.
//
// None of these protocols has authentication, so the router's word is bounded
// and checked at every step, and only the gateway's own word counts.
package router
