// Package multicast opens sockets that hear what a router tells a multicast
// group, beside whatever else on this host listens to the same port: a UPnP
// daemon of the NAS's own, for one.
package multicast
