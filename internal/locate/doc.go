// Package locate finds the services that are known by a host name, an mDNS name
// or a MAC address, and follows them to other addresses.
//
// Each service has a loop of its own (follow.go). Its step asks where the device
// is, and whether the address in force still has it; what was found must be fit,
// and where the service's key is known, whoever answers there must show that key
// or a trusted certificate for the service's names (choose.go). What cannot be
// found changes nothing: the last address stays in force, over restarts too
// (memory.go). How devices are found, by multicast DNS (package mdns), ARP and
// DNS, is given to it.
package locate
