// Package keys makes private keys, and keeps a certificate with its key in one
// piece: a chain beside another one's key is an error wherever it turns up. It
// knows the forms in which both are handed to others (PEM, PKCS#12, Tasmota's).
// It belongs to internal/cert and knows nothing of who issues.
package keys
