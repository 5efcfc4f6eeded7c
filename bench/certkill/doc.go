// Package certkill ends the daemon by kill -9 again and again while it obtains
// certificates and hands them to a broker, and holds it to what a power cut must
// never do: a pair that does not belong together, a second order where the first
// is usable, a record or a forward that stays behind.
//
//	bench/certkill/run                    # 200 kills in four homes; about fifteen minutes
//	bench/certkill/run -kills 1000 -seed 7
//
// It is a test, as it lives in the lab: `edgeguard run` in a home with a router,
// a mosquitto that is told by SIGHUP, a BIND that takes TXT records, and pebble
// behind a front that counts orders; pebble refuses three requests in ten with
// badNonce, and lets a validation take up to two seconds. Half of the homes prove
// by dns-01, half by http-01. Kills come at random moments, and at moments drawn
// close to a step: to a request at the CA, or to a file that changes; but not while
// the CA looks for a proof by http-01, which dies with the daemon, and the order
// with it. All the while readers read the files as a broker reads them, and shake
// hands with the broker. Without -kills it makes 16.
package certkill
