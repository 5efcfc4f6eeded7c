// Package gena hears a router's events: it subscribes to a service by UPnP's
// general event notification architecture (UPnP Device Architecture 2.0,
// section 4), keeps the subscription alive, and receives the notifications.
//
// A notification wakes and is never read for a value: what it says comes over
// plain HTTP from whoever can reach the callback. It counts only where it
// comes from the gateway's own address, on a path that nobody else was told,
// for the subscription that stands. It is answered before anything else is
// done, since some routers drop every change that comes while an answer is
// outstanding.
package gena
