// Package forward measures the forward of edgeguard as people meet it, in a home
// with a real router (miniupnpd) and the daemon as it is built:
//
//   - how long after the start of `edgeguard run` a client in the internet gets
//     the broker's certificate through the router;
//   - how long after a restart of the router, from its first word in the LAN,
//     for a daemon that hears the router and for one that hears nothing of it,
//     and with -peers for a timer that runs upnpc;
//   - what an hour of idleness costs: processor time, and octets between the
//     daemon's host and the router.
//
// It is started by bench/forward/run:
//
//	bench/forward/run                         # all but the peer; about 25 minutes
//	bench/forward/run -idle 1h                # the hour itself, not scaled
//	bench/forward/run -peers -restarts 4      # a timer of upnpc as well
//	bench/forward/run -source ../other-tree   # the edgeguard of another tree
//
// docs/performance.md tells the method. It is a test, as it lives in the lab;
// without -figures, which bench/forward/run gives, it makes one start and one
// restart and holds no figure against anything.
package forward
