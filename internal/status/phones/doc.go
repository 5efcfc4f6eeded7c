// Package phones makes what a phone takes from the page below /ca/: a picture
// that leads its camera there, and the profile in which an iPhone takes an
// authority's certificate. It knows nothing but what it is given.
package phones
