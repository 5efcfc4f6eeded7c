package main

// What the status says of services that are found, and of a home without any.

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/locate"
	"github.com/edgeguard/edgeguard/internal/status"
)

// tellLocated adds to what the concerns say what only the locator knows, and
// takes back what is of no account where every service is elsewhere.
func tellLocated(in *status.Inputs, c *concerns) {
	for _, l := range c.locator.Status().Load() {
		in.Hairpin.Broker = withProblem(in.Hairpin.Broker, l)
	}
	if !c.cfg.RemoteOnly() {
		return
	}
	in.WAN.Link = ofNoAccount(in.WAN.Link, "No service is at home and no record is kept, so nothing depends on the public address.")
	in.DDNS.Link = ofNoAccount(in.DDNS.Link, "No service is at home, so no record is needed.")
	in.Portmap.Link = fact.Link{Verdict: fact.VerdictPass, Summary: "No service needs a forward."}
	in.DNS.ClientsLink = ofNoAccount(in.DNS.ClientsLink, "No service is at home, so no device needs this DNS server to reach one.")
}

// ofNoAccount is a pass in place of what is none.
func ofNoAccount(l fact.Link, words string) fact.Link {
	if l.Verdict == fact.VerdictPass {
		return l
	}
	return fact.Link{Verdict: fact.VerdictPass, Summary: words, Evidence: l.Evidence}
}

// withProblem says in the broker's link why a service could not be followed.
func withProblem(l fact.Link, of locate.Located) fact.Link {
	if of.Problem == "" {
		return l
	}
	said := fmt.Sprintf("%s: %s", of.Service.Name, of.Problem)
	l.Evidence = append(slices.Clone(l.Evidence), said)
	switch {
	case l.Verdict == fact.VerdictPass:
	case of.Stranger:
		l.Summary = fmt.Sprintf("The service %q does not answer where it was, and it is not followed: %s.", of.Service.Name, of.Problem)
		l.Action = "If the service has a new certificate, give its authority as ca_file of the [[service]], or remove located.json from the state folder while edgeguard is stopped; if not, find out which device answers there."
	case !of.Addr.IsValid():
		l.Summary = fmt.Sprintf("The service %q has not been found: %s.", of.Service.Name, of.Problem)
		l.Action = "Check that the device is on and in this network, and that address or mac of the [[service]] is right."
	}
	return l
}

// describePlaces says how the services are found whose address the config does
// not give, and which are elsewhere, a line each.
func describePlaces(cfg *config.Config) (lines []string) {
	for _, s := range cfg.Services {
		how := ""
		switch {
		case s.MAC != "":
			how = "found by the MAC address " + s.MAC + " in the LAN"
		case strings.HasSuffix(s.Host, ".local"):
			how = "found by multicast DNS as " + s.Host
		case s.Host != "":
			how = "found by DNS as " + s.Host
		case s.Remote:
			how = "at " + s.Address.Addr().String()
		default:
			continue
		}
		line := fmt.Sprintf("service %s: %s, port %d", s.Name, how, s.Port)
		if s.Remote {
			line += "; remote, so nothing is forwarded and no name answered"
		}
		lines = append(lines, line+".")
	}
	return lines
}

// sameAddress reports whether two services are at one address.
func sameAddress(a, b config.Service) bool { return a.Address == b.Address }

// runAll runs all of list, and returns when they have ended.
func runAll(list []func()) {
	var group sync.WaitGroup
	for _, f := range list {
		group.Go(f)
	}
	group.Wait()
}
