// Package dhcp asks the LAN's DHCP servers (RFC 2131) which DNS servers they
// tell devices of. It never takes a lease: it asks for the settings alone
// (DHCPINFORM, section 4.4.3), and where the router does not answer that, as
// some do not, it asks for offers in this host's own name (DHCPDISCOVER) and
// accepts none, so that no address of the pool is used up.
//
// It hears the answers beside the host's own DHCP client and takes none away
// from it, for which it needs a packet socket, and so the permission NET_RAW.
package dhcp
