package upstream

// Scrub is scrub, for the tests.
var Scrub = scrub
