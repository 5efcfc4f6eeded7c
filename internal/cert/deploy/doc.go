// Package deploy hands a certificate to a broker: a folder that both know, in
// which all files are swapped in one step, and a signal or a command upon which
// the broker reads them anew. A pair that does not match is never written.
//
// The folder looks like this:
//
//	combined.pem -> current/combined.pem   (and so on for the other names)
//	current      -> gen-00000007
//	gen-00000006/                          (for whoever has it open still)
//	gen-00000007/combined.pem cert.pem chain.pem privkey.pem …
//
// A generation is written and forced to the disk before current is renamed onto
// it, and is never written again. So whoever opens one file gets it whole, and
// whoever opens current first gets all of them from one generation. The links
// are relative, as a broker in a container sees the folder elsewhere. A file
// system without symbolic links (vfat, most shares of a NAS) gets plain files
// instead; see flat.go.
package deploy
