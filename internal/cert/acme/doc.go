// Package acme obtains certificates from a public CA by ACME (RFC 8555), proving
// the names by DNS-01 or HTTP-01, and asks when they should be renewed (RFC
// 9773). An order is written down before it is placed and taken up again after a
// crash, and what was refused is remembered, so that a restart spends nothing
// that the CA counts.
package acme
