// Package wan learns the home's public IPv4 address and refuses to believe any
// one voice about it.
//
// The home's router is asked often, because it is near and free; echo services
// on the internet are asked seldom, because they are neither. An address is
// published only when the router and one outside service say the same, or,
// where no router can say anything, when outside services of two different
// hosts do. Whatever else happens, the address published last stays: a source
// that fails, contradicts or says nonsense changes the words of the status and
// nothing else.
//
// Agree is that rule, without time or network. A Watcher runs it: it polls the
// router, decides by plan when a question to the outside is worth it, and
// publishes what was agreed through watch.Value.
package wan
