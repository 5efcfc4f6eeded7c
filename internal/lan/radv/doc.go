// Package radv hears the IPv6 routers' advertisements (RFC 4861): which DNS
// servers they tell devices of (RFC 8106). Phones go by these whatever DHCP
// says. It needs a raw socket, and so the permission NET_RAW.
package radv
