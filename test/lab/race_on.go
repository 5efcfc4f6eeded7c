//go:build race

package lab

// raceEnabled says that the tests run under the race detector, and so should
// the daemon.
const raceEnabled = true
