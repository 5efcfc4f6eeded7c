// Package netnstest runs tests in a network namespace of their own: a host whose
// addresses, routes and links they may change, and whose network nobody else is
// in. It needs Linux, and no root where users may make namespaces.
package netnstest
