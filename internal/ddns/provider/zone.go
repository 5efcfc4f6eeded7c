package provider

// Zones, and the names in them.

import (
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// zoneOf returns the zone that holds domain, without a final dot: the one that
// the account names, else the registered part of domain.
func zoneOf(domain string, a Account) (string, error) {
	domain, zone := strings.TrimSuffix(domain, "."), strings.TrimSuffix(a.Zone, ".")
	if zone == "" {
		var err error
		if zone, err = publicsuffix.EffectiveTLDPlusOne(domain); err != nil || strings.HasPrefix(zone, "*") {
			return "", fmt.Errorf("the zone of %s cannot be told from its name: name it with the key zone", domain)
		}
	}
	if domain != zone && !strings.HasSuffix(domain, "."+zone) {
		return "", fmt.Errorf("%s is not in the zone %s", domain, zone)
	}
	return zone, nil
}

// relative is the name of domain within its zone, "@" for the zone itself.
func relative(domain, zone string) string {
	domain = strings.TrimSuffix(domain, ".")
	if domain == zone {
		return "@"
	}
	return strings.TrimSuffix(domain, "."+zone)
}

// recordType is "A" or "AAAA".
func recordType(addr netip.Addr) string {
	if addr.Unmap().Is4() {
		return "A"
	}
	return "AAAA"
}

// manyRecords is the refusal to choose among several records of one name that
// a person or another program has made.
func manyRecords(host, domain, rtype string, n int) *Fault {
	return &Fault{Kind: Failed,
		Text:   fmt.Sprintf("%s has %d %s records at %s, so it is unclear which of them to keep", domain, n, rtype, host),
		Action: "Delete all but one of them at the provider's."}
}

// noZone says that the account does not show the zone.
func noZone(host, zone string) *Fault {
	return &Fault{Kind: Failed,
		Text:   fmt.Sprintf("%s shows this account no zone named %s", host, zone),
		Action: "Name the right zone with the key zone, and check that the account may change it."}
}
