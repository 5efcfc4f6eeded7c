// Package cert keeps the one certificate of the house: obtained from a public CA
// by ACME or issued by an authority of the house's own, renewed in time, handed
// to the broker, and looked at until the broker serves it. Its rooms: keys (a
// certificate with its key), acme (the public CA), authority (the own CA),
// deploy (the folder that the broker reads, and its reload).
package cert
