package certs

// What the external tests reach into.

// ParsePEM returns the certificates in a PEM file's content.
var ParsePEM = parsePEM
