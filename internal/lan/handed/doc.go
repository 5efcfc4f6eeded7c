// Package handed watches which DNS servers the LAN's devices are told of, by
// DHCP and by the IPv6 routers' advertisements, and whether devices reach a
// service through the router, which those do that got its public address from
// another DNS server.
//
// It asks ten seconds after the start, when this host's addresses or its router
// have changed, and every half hour, or every two minutes while devices are led
// past us. What could not be asked is unknown, and what was known stays known
// through a round that failed.
package handed
