// Package portmap keeps the port forwards on the router: it asks for them,
// reads them back, renews them at half life, and takes them away when the
// daemon stops.
//
// It asks by UPnP-IGD first, whose table can be read back, and only what is
// read back counts there: routers accept forwards and drop them, forget them at
// a restart, or have them end early. The entry for a port is one of
//
//   - none: it is asked for and read back at once, and again soon after;
//   - ours (to our internal client and port, with our description or our
//     record of it): kept;
//   - ours, but leading elsewhere (to the letter what the state file says was
//     made on this router): replaced;
//   - set up by hand (to our internal client and port, with another
//     description): it does what is wanted, so it is left alone;
//   - another's: a conflict, which is named and never overwritten or deleted.
//
// Where there is no IGD or it refuses, PCP and NAT-PMP follow. They cannot be
// read back, so that a grant counts, and only of the very port that was asked
// for: another one is given back at once. A port that is another's, and a router
// that cannot be reached, are the same for all methods and end the round.
//
// Where none of the methods is spoken, or the config wants it so, the forward
// is a person's, who gets the steps. Where the router forwards to no other host
// than this one, a relay on this host carries the connections on.
//
// A change whose outcome is unknown is followed by a read-back before anything
// else. What wakes the keeper before its time is never believed; it looks.
package portmap
