// Package hairpin looks at the services that edgeguard makes reachable, and at
// the router's loopback.
//
// Every service is called in TLS, and in MQTT where it is a broker. Its
// certificate is read whoever signed it, so that it can be described, but the
// names in it count only where its chain verifies: those names are answered in
// the home's DNS, and a stranger's certificate must not get to choose them.
// Names once learned stay while a service is down or serves a certificate that
// is not trusted.
//
// The router loops back where the public address, called from within the home,
// leads to the very key that the service serves directly. A timeout is never
// read as a no.
//
// A Prober does one round for all services at the same time, again and again.
package hairpin
