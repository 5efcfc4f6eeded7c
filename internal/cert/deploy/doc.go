// Package deploy hands a certificate to a broker: a folder that both know, in
// which one file is swapped in one step, and a signal or a command upon which
// the broker reads it anew. A pair that does not match is never written.
package deploy
