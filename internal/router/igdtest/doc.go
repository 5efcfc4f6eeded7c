// Package igdtest is a home router of our own for tests: a UPnP Internet
// Gateway Device that answers searches over UDP and SOAP over HTTP, both on
// loopback, keeps a table of mappings, and can be told to behave as oddly as
// the routers in people's homes, or as an attacker on the LAN.
package igdtest
