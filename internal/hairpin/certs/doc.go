// Package certs reads the certificates that services serve, and the files that
// they are to serve them from: names, chain, key, and what clients of several
// kinds make of them. It asks nobody; what it is given is hostile.
package certs
