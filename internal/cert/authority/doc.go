// Package authority is a small CA of the house's own: a root that devices are
// told of once, certificates for the broker and for clients, and the list of
// those that are revoked. Commands and the daemon use it side by side; what it
// keeps is in one folder.
package authority
