// Package notify tells people what they would want to be woken for: the public
// address has become another one, a link of the chain has been broken for some
// time, and it is whole again.
//
// A Notifier is fed with what is known (Input) and decides for each target on
// its own (tracker.go): a failure is told once, after it has lasted, and its
// recovery once; what comes together goes into one message; the number of
// messages in an hour is bounded. What nobody knows is neither a failure nor a
// recovery, and the time for which nobody knew does not count.
//
// The line is down just when something fails. So messages wait in a bounded
// queue (queue.go), carry the time of what they tell, and are sent when the
// line is back. Queues and what was told are kept in a state file (state.go)
// over restarts, without any secret.
//
// A target is a URL: a webhook's, or one in the form that shoutrrr made common
// (url.go). It holds tokens, so it is a secret, and no error or log line has
// any part of it but the service's host.
package notify
