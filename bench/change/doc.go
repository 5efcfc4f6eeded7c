// Package change measures how long a DDNS provider goes on saying an old
// address: from when the router's kernel is told another one until the provider
// has it, for edgeguard with the router's events and without, and for inadyn and
// ddclient as they come, all in one home, on the same changes. It counts what
// each asks of the world meanwhile, and what a line that flaps makes of it.
//
//	bench/change/run                          # ten changes, everyone; an hour
//	bench/change/run -peers=false             # edgeguard alone; ten minutes
//	bench/change/run -source ../other-tree    # the edgeguard of another tree
//
// docs/performance.md tells the method. It is a test, as it lives in the lab;
// without -figures, which bench/change/run gives, it makes one change and holds
// no figure against anything.
package change
