// Package lab builds a whole home network on one machine, out of real parts,
// for tests that want to know whether the chain from the street to the sofa
// works. Each host is a network namespace, joined to the others by veth pairs:
//
//	wan     11.22.33.1      the internet: public DNS (BIND), the providers'
//	                        APIs, the echo service, and a phone far from home
//	router  11.22.33.44     miniupnpd and nftables NAT; 192.168.77.1 inside
//	nas     192.168.77.10   edgeguard, and usually the broker (mosquitto)
//	pi      192.168.77.11   for a broker that is not on the NAS
//	phone   192.168.77.20   a LAN client, whose resolver is the NAS
//
// StartACME adds a public CA to the internet, a real pebble behind a front that a
// test can have hold calls back; HandedBroker is a broker that serves what
// edgeguard hands it.
//
// Options.Behind puts a second router, or a carrier's NAT, between router and
// wan. AddHost plugs in more hosts, GiveIPv6 and Announce bring IPv6.
//
// No namespace has a link or a route to the machine's own network, so nothing
// that happens in a lab leaves the machine. WAN addresses look public because
// miniupnpd refuses to map behind private and documentation addresses.
//
// # Writing a test
//
//	func TestSomething(t *testing.T) {
//		t.Parallel() // unless it holds rates or the machine itself to something
//		lab.Require(t)
//		h := lab.New(t, lab.Options{})
//		h.StartRouter(t)
//		h.StartPublicDNS(t)
//		duck := h.StartProviders(t)
//		h.StartBroker(t, h.NAS, h.CA.Issue(t, "myhome.duckdns.org"))
//		d := h.StartEdgeguard(t, lab.EdgeguardOptions{…})
//		lab.Eventually(t, lab.Patience, func() error {
//			return h.Publish(h.WAN, "myhome.duckdns.org", h.CA)
//		})
//	}
//
// Everything a test starts is stopped, and its namespaces are removed, when
// the test ends, whatever its outcome. What a killed test process left behind
// is removed by the next one. A test that fails prints the daemon's log and
// status, and the last lines of every other process.
//
// # Running one test, and looking around
//
// It needs root and the packages that scripts/lab-deps installs. Without them
// tests are skipped and say why; EDGEGUARD_LAB=require makes that a failure.
//
//	sudo EDGEGUARD_LAB=require go test -v -count=1 -run 'TestRouterMaps$' ./test/lab
//
// Tests of a real container (TestForwardDocker…) start a Docker engine of their
// own in the NAS's namespace, and need dockerd, docker and, for the documented
// compose file, docker-compose. Without these they are skipped, also with
// EDGEGUARD_LAB=require; EDGEGUARD_DOCKER=require makes that a failure. The image
// is the last stage of the Dockerfile around a daemon built here, for which
// nothing is pulled; EDGEGUARD_DOCKER_IMAGE names one of the machine's own engine
// in place of it:
//
//	sudo EDGEGUARD_DOCKER=require go test -v -count=1 -run TestForwardDocker ./test/lab
//
//	scripts/go-base-image edgeguard-go:local
//	docker build --network host --build-arg GO_IMAGE=edgeguard-go:local -t edgeguard:test .
//	sudo EDGEGUARD_DOCKER=require EDGEGUARD_DOCKER_IMAGE=edgeguard:test go test -v -count=1 -run TestForwardDocker ./test/lab
//
// To look around, let the lab stand after the test's end, and enter a
// namespace from another terminal; the test prints the names:
//
//	sudo EDGEGUARD_LAB_HOLD=30m go test -v -count=1 -timeout 1h -run 'TestRouterMaps$' ./test/lab
//	sudo ip netns exec eg4711-1-nas bash
//
// A shell in a namespace sees the host's files, but the lab's resolv.conf.
// Interrupting the test ends its processes; the next test removes the rest.
package lab
