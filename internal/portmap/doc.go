// Package portmap keeps the port forwards on the router: it asks for them,
// reads them back, renews them at half life, and takes them away when the
// daemon stops.
//
// Only what is read back counts: routers accept forwards and drop them, forget
// them at a restart, or have them end early. The entry for a port is one of
//
//   - none: it is asked for and read back at once, and again soon after;
//   - ours (to our internal client and port, with our description): kept;
//   - set up by hand (to our internal client and port, with another
//     description): it does what is wanted, so it is left alone;
//   - another's: a conflict, which is named and never overwritten or deleted.
//
// A change whose outcome is unknown is followed by a read-back before anything
// else.
package portmap
