//go:build linux

// The benchmark: edgeguard beside the DNS servers people run, each a forwarder
// with a cache and one override, on the same questions. docs/performance.md
// tells the method and holds a full run; bench/run installs what is needed and
// starts it:
//
//	bench/run                          # everything, in rounds
//	bench/run -short                   # does it still work? no figures to speak of
//	bench/run -only edgeguard,echo,dnsdist -workload override -rounds 3
//	bench/run -build new=../other-tree # another build beside, A and B in one run
//
// It runs in a network namespace of its own, where there is nothing but a
// loopback interface, and therefore as root. It ends what it started.
package main
