// Package archtest holds the walls of the house: its tests fail when a package
// imports what it must not, or when a file has grown past what one can read.
// It has no code of its own.
package archtest
