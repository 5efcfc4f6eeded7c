// Package igd speaks UPnP's Internet Gateway Device protocol with one router:
// it fetches the description, picks the connection service and makes the SOAP
// calls (UPnP WANIPConnection:1 and :2, WANPPPConnection:1, the DSL Forum's
// types of both, and WANIPv6FirewallControl:1).
//
// goupnp builds and reads the messages. Everything around them is our own,
// since goupnp bounds neither the size of an answer nor, for SOAP, its time,
// honours proxy variables, and follows redirects and absolute URLs to any
// host. Here every octet goes through one transport that talks to the
// gateway's address only and hands on nothing but complete, small, shallow
// XML.
//
// A Device is for one caller at a time.
package igd
