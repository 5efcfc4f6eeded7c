package config

// The names of the certificate, and who can prove them.

import (
	"slices"
	"strings"

	"github.com/edgeguard/edgeguard/internal/cert"
	"github.com/edgeguard/edgeguard/internal/cert/acme"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
)

// homeOnly are the top-level domains that no public CA issues for, as they are
// nobody's (RFC 6761, 6762 and 8375, and what ICANN has put aside).
var homeOnly = []string{"local", "localhost", "lan", "home", "internal", "intranet", "corp", "private", "invalid", "test", "example", "onion", "arpa"}

// certNames reads the names, or takes those of the services that serve the
// certificate.
func (b *builder) certNames(raw rawCertificate, n *cert.Config, c *Config) (names []string) {
	at, t := raw.Mode.at, raw.Names
	if t.given {
		at = t.at
	}
	if t.given && t.ok && len(t.v) == 0 {
		b.fail(t.at, "empty; write the names that clients dial, or leave the key out for those of the services")
	}
	for _, one := range t.v {
		if name := b.certName(one, names, n); name != "" {
			names = append(names, name)
		}
	}
	if !t.given {
		names = namesOfServers(n.Services, c)
		for _, name := range names {
			if problem := b.unissued(name, n); problem != "" {
				b.fail(at, "%s is a name of a service, and %s; write the names of the certificate with names", show(name), problem)
			}
		}
	}
	switch {
	case n.Mode != cert.ACME && n.Mode != cert.OwnCA:
	case len(names) > maxCertNames:
		b.fail(at, "%d names are more than the %d that a certificate may have", len(names), maxCertNames)
	case len(names) == 0 && !t.given:
		b.missing(at, "no service at home has a name, so there is none for a certificate; write the names that clients dial under names of the [[service]], or of [certificate]")
	}
	return names
}

// certName reads one name that stands in the config; "" after a report.
func (b *builder) certName(t text, before []string, n *cert.Config) string {
	name, problem := hostName(t.v)
	if strings.HasPrefix(t.v, "*.") {
		name, problem = wildcardName(t.v, true)
	}
	if problem == "" {
		problem = b.unissued(name, n)
	}
	within := func(one, other string) bool { return n.Mode == cert.ACME && covers(one, other) }
	switch at := slices.IndexFunc(before, func(other string) bool { return within(other, name) || within(name, other) }); {
	case problem != "":
		b.fail(t.at, "%s %s", show(t.v), problem)
	case slices.Contains(before, name):
		b.fail(t.at, "%s is in this list already; write it once", show(name))
	case at >= 0:
		b.fail(t.at, "%s and %s stand for the same, which a public CA refuses; take the one without the * out", show(name), show(before[at]))
	default:
		return name
	}
	return ""
}

// unissued is why nobody issues for a name, to be read after it; empty where
// somebody does.
func (b *builder) unissued(name string, n *cert.Config) string {
	labels := strings.Split(strings.TrimPrefix(name, "*."), ".")
	switch {
	case n.Mode != cert.ACME:
		return ""
	case n.ACME.Challenge == acme.HTTP01 && strings.HasPrefix(name, "*."):
		return `has a wildcard, which http-01 cannot prove; write challenge = "dns-01" in [certificate.acme]`
	case n.ACME.Roots != nil:
		return "" // an ACME server of one's own knows its own names
	case len(labels) == 1 || slices.Contains(homeOnly, labels[len(labels)-1]):
		return `is known in this house alone, so no public CA issues for it; take a domain of your own, or write mode = "own-ca"`
	case strings.Contains(name, "_"):
		return "has an underscore, so no public CA issues for it; take it out"
	}
	return ""
}

// namesOfServers are the names of services, each once; those that a wildcard
// stands for are left out, as public CAs refuse both.
func namesOfServers(services []string, c *Config) (names []string) {
	var all []string
	for _, s := range c.Services {
		if slices.Contains(services, s.Name) {
			all = append(all, s.Names...)
			all = append(all, s.Wildcards...)
		}
	}
	for _, name := range all {
		covered := slices.ContainsFunc(all, func(other string) bool { return covers(other, name) })
		if !covered && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// covers reports whether a wildcard stands for a name (RFC 6125, section 6.4.3).
func covers(wildcard, name string) bool {
	parent, is := strings.CutPrefix(wildcard, "*")
	first, rest, _ := strings.Cut(name, ".")
	return is && first != "*" && "."+rest == parent
}

// accounts are those who may write TXT records; that some cannot is said where
// a name needs them.
func (b *builder) accounts(raw []rawACMEDNS, c *Config) (list []CertificateAccount) {
	add := func(a CertificateAccount) {
		same := func(o CertificateAccount) bool { return o.Provider == a.Provider && o.Domain == a.Domain }
		if a.Domain != "" && !slices.ContainsFunc(list, same) {
			list = append(list, a)
		}
	}
	var words []string
	for _, k := range provider.Kinds() {
		if k.TXT {
			words = append(words, k.Word)
		}
	}
	for _, r := range raw { // first, as they are there for nothing else
		add(b.txtAccount(r, words))
	}
	for _, r := range c.DDNS.Records {
		add(CertificateAccount{Account: r.Account, Domain: r.Domain})
	}
	return list
}

// txtAccount reads one [[certificate.acme.dns]].
func (b *builder) txtAccount(r rawACMEDNS, words []string) CertificateAccount {
	d := rawDDNS{Head: r.Head, Provider: r.Provider, Domain: r.Domain, Zone: r.Zone, Server: r.Server, User: r.User,
		Token: r.Token, TokenFile: r.TokenFile, Key: r.Key, KeyFile: r.KeyFile, Algorithm: r.Algorithm}
	if !r.Provider.given {
		b.missing(r.Head.sub("provider"), "missing; write who keeps the zone, %s", choice(words))
	}
	a := CertificateAccount{Only: true}
	word := b.word(r.Provider, "", words, nil)
	var kind *provider.Kind
	if k, known := provider.KindOf(word); known && k.TXT {
		kind = &k
	}
	a.Domain = b.txtDomain(r, kind)
	a.Provider = word
	b.account(d, kind, a.Domain, false, &a.Account)
	return a
}

// txtDomain returns "" after a report.
func (b *builder) txtDomain(r rawACMEDNS, kind *provider.Kind) string {
	if !r.Domain.given {
		b.missing(r.Head.sub("domain"), `missing; write the domain whose records it can write, such as "example.org"`)
	}
	if !r.Domain.ok {
		return ""
	}
	name, problem := hostName(r.Domain.v)
	switch {
	case problem != "":
		b.fail(r.Domain.at, "%s %s", show(r.Domain.v), problem)
	case kind != nil && !strings.HasSuffix(name, kind.Suffix):
		b.fail(r.Domain.at, `%s is not below %s; write the whole name, such as "myhome%s"`, show(r.Domain.v), strings.TrimPrefix(kind.Suffix, "."), kind.Suffix)
	case !strings.Contains(name, "."):
		b.fail(r.Domain.at, `%s has one label only; write the whole domain, such as "example.org"`, show(r.Domain.v))
	default:
		return name
	}
	return ""
}

// unwritable warns of the names that nobody here can prove.
func (b *builder) unwritable(raw rawCertificate, names []string, accounts []CertificateAccount) {
	at := raw.Names.at
	if !raw.Names.given {
		at = raw.Mode.at
	}
	for _, name := range names {
		if !slices.ContainsFunc(accounts, func(a CertificateAccount) bool { return a.mayWrite(name) }) {
			b.warn(at, "no [[ddns]] and no [[certificate.acme.dns]] can write the record that proves %s; that is right only where a CNAME record at _acme-challenge.%s leads to a name that one of them can write",
				show(name), strings.TrimPrefix(name, "*."))
		}
	}
}

// mayWrite reports whether a name may be in the account's zone. Where the zone
// is not given, it is known only when the records are written.
func (a CertificateAccount) mayWrite(name string) bool {
	name, domain := strings.TrimPrefix(name, "*."), strings.TrimPrefix(a.Domain, "*.")
	top := a.Zone
	k, _ := provider.KindOf(a.Provider)
	if k.Suffix != "" {
		top = domain
	}
	if top == "" {
		labels := strings.Split(domain, ".")
		top = strings.Join(labels[max(0, len(labels)-2):], ".")
	}
	return k.TXT && (name == top || strings.HasSuffix(name, "."+top))
}
