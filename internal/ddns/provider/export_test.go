package provider

// Guard runs f as a provider's library is run.
var Guard = guard
