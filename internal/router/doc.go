// Package router is the one conversation with the home's router: it finds the
// router at the default gateway, names it, forwards ports on it and asks its
// WAN address.
//
// A Router has no goroutines. Its methods look for the router when none is
// known, and again, once, when the one they know is gone: routers restart on
// another port and forget things. Each success of that search is a new
// Generation in Status, the sign for whoever keeps something on the router to
// look after it. One call is under way at a time, as some routers fail on
// more; callers wait for each other within their contexts.
//
// UPnP has no authentication, so the router's word is bounded and checked at
// every step (packages ssdp and igd), and only the gateway's own word counts.
package router
