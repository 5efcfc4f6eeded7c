// Package dnsserver is the DNS server of the home network. It gives LAN
// clients the local address of the services that the world reaches through the
// router, and asks upstream servers for every other name.
//
// One packet loop for each socket parses just the question and tries, in this
// order, the overrides of the Zone, the special-use names and the cache. Those
// three answer inline, from immutable or sharded state, without allocating.
// Anything else goes to a bounded number of workers, which ask upstream. A
// question that finds all workers busy is answered with SERVFAIL at once, so
// that neither a dead upstream nor a flood can delay an inline answer.
//
// Clients come over UDP, TCP and TLS. What is bound follows the config and the
// host's addresses. Nothing is unbounded: a client has a rate, a share of the
// workers and of the connections, and each connection a time and room for
// replies left unread; a newcomer is let in where the greediest client loses
// its idlest connection. Gateways are exempt, as a whole house may be behind
// one. Strangers are refused, and over UDP only now and then.
//
// An overridden name is never denied and its addresses are never asked of
// upstream: a client that hears NXDOMAIN for one type takes it for all, and
// one that hears the public address uses whichever came first. Answers from
// upstream that lead to an overridden name are bent to the local address after
// the cache, so a changed Zone counts at once.
package dnsserver
