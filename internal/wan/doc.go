// Package wan learns the home's public address and refuses to believe any one
// voice about it.
//
// What is near, the home's router or an interface of ours, is asked often,
// because it costs nobody anything; services on the internet are asked seldom,
// because they are other people's. An IPv4 address is published only when the
// router and one outside service say the same, or, where no router can say
// anything, when outside services of two different companies do; an IPv6 address
// of our own interface, when an outside service sees an address of the same /64.
// Between two answers of a router the outside decides (split.go).
// Only a person's word in the config stands alone. Whatever else happens, the
// address published last stays: a source that fails, contradicts or says
// nonsense changes the words of the status and nothing else.
//
// Agree and AgreeIPv6 are that rule, without time or network. A Watcher runs it
// for one family: it looks at what is near as looks says, which hints wake,
// decides by plan when a question to the outside is worth it, and publishes what
// was agreed through watch.Value. The rooms below it speak the protocols: stun
// and dnsecho; HTTP is here, in echo.go.
package wan
