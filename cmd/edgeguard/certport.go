package main

// The port 80 of the public address, led to us while a CA proves a name by
// HTTP-01.

import "path/filepath"

// certPorts implements acme.Ports by the router, under the config in force.
type certPorts struct{ d *daemon }

// newCertPorts returns what opens port 80. Before the first Open, and at each
// start of the daemon, dropStale(ctx) takes away what a crash has left.
func newCertPorts(d *daemon) *certPorts { return &certPorts{d} }

// file is where the forward is written down while it may stand.
func (p *certPorts) file() string {
	return filepath.Join(p.d.now.Load().cfg.StateDir, "cert", "port80.json")
}
