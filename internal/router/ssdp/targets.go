package ssdp

// What is searched for, and what an answer's target promises.

import "strings"

// targets are what is searched for, the best first. Some routers, such as
// Huawei's, know only the types that UPnP had before its forum had a name
// (dslforum-org). The last two find those that answer to nothing else, and
// draw the most replies.
var targets = []string{
	"urn:schemas-upnp-org:device:InternetGatewayDevice:2",
	"urn:schemas-upnp-org:device:InternetGatewayDevice:1",
	"urn:dslforum-org:device:InternetGatewayDevice:1",
	"urn:schemas-upnp-org:service:WANIPConnection:2",
	"urn:schemas-upnp-org:service:WANIPConnection:1",
	"urn:schemas-upnp-org:service:WANPPPConnection:1",
	"urn:dslforum-org:service:WANIPConnection:1",
	"urn:dslforum-org:service:WANPPPConnection:1",
	"upnp:rootdevice",
	"ssdp:all",
}

// Ranks of search targets.
const (
	rankGateway = iota // a gateway device
	rankService        // one of its services
	rankOther          // anything else
)

// rank tells how much a search target promises a router.
func rank(target string) int {
	target = strings.ToLower(target)
	switch {
	case strings.Contains(target, ":device:internetgatewaydevice:"):
		return rankGateway
	case strings.Contains(target, ":service:wanipconnection:"), strings.Contains(target, ":service:wanpppconnection:"):
		return rankService
	}
	return rankOther
}

// Known reports whether a target is one of those that are searched for, so
// that it may be searched for alone.
func Known(target string) bool {
	for _, t := range targets {
		if t == target {
			return true
		}
	}
	return false
}
