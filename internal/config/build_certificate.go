package config

// [certificate]: where the certificate comes from, what it names, and who serves
// it.

import (
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"github.com/edgeguard/edgeguard/internal/cert"
	"github.com/edgeguard/edgeguard/internal/cert/acme"
	"github.com/edgeguard/edgeguard/internal/cert/deploy"
	"github.com/edgeguard/edgeguard/internal/cert/keys"
)

// maxCertNames bounds the names and addresses of a certificate: Let's Encrypt
// takes no more.
const maxCertNames = 100

// certificates reads [certificate]. It comes after the services, the records and
// [portmap].
func (b *builder) certificates(raw rawCertificate, c *Config) {
	modes := []string{string(cert.None), string(cert.ACME), string(cert.OwnCA)}
	mode := cert.Mode(b.word(raw.Mode, string(cert.None), modes, nil))
	var kinds []string
	for _, k := range keys.Kinds() {
		kinds = append(kinds, string(k))
	}
	n := cert.Config{Mode: mode, Folder: filepath.Join(c.StateDir, "cert"), NewKey: b.flag(raw.NewKey, false)}
	n.Key = keys.Kind(b.word(raw.Key, kinds[0], kinds, nil))
	n.Services = b.certServices(raw.Services, c)
	n.ACME = b.acme(raw.ACME, c)
	n.ACME.Folder = filepath.Join(n.Folder, "acme")
	accounts := b.accounts(raw.ACME.DNS, c)
	b.ownCA(raw.OwnCA, &n)
	n.Addresses = b.certAddresses(raw.Addresses, mode)
	n.Deploy = b.deploy(raw, n.Folder, c)
	n.Names = b.certNames(raw, &n, c)
	b.unused(raw, mode)
	switch {
	case mode == cert.ACME && n.ACME.Challenge == acme.DNS01:
		c.CertificateAccounts = accounts
		b.unwritable(raw, n.Names, accounts)
	case mode == cert.ACME && !c.Portmap.Enabled:
		b.fail(raw.ACME.Challenge.at, `http-01 needs port 80 of the public address for a moment, and nothing may be asked of the router ([portmap] methods = ["manual"]); write "dns-01", or let edgeguard ask the router`)
	}
	if mode != cert.ACME && mode != cert.OwnCA {
		c.Certificate = cert.Config{Mode: cert.None}
		return
	}
	for i := range c.Services {
		if s := &c.Services[i]; s.CertificateFile == "" && slices.Contains(n.Services, s.Name) {
			// The same certificates as in the combined file, which may be the
			// broker's alone to read.
			s.CertificateFile, s.FileKept = filepath.Join(n.Deploy.Directory, deploy.FileFullChain), true
		}
	}
	c.Certificate = n
}

// unused warns of what has no effect in this mode.
func (b *builder) unused(raw rawCertificate, mode cert.Mode) {
	const text = "this is not used while mode is %q; write mode = %q, or take it out"
	if a := raw.ACME; mode != cert.ACME && a.Head.key != "" {
		b.warn(a.Head, text, mode, cert.ACME)
	} else if mode != cert.ACME && a.Email.given {
		b.warn(a.Email.at, text, mode, cert.ACME)
	}
	// With a public CA the own one is that of clients, and may need its passphrase.
	if mode == cert.None && raw.OwnCA.Head.key != "" {
		b.warn(raw.OwnCA.Head, text, mode, cert.OwnCA)
	} else if mode == cert.ACME && raw.OwnCA.LifetimeDays.given {
		b.warn(raw.OwnCA.LifetimeDays.at, text, mode, cert.OwnCA)
	}
	if mode != cert.None {
		return
	}
	for _, k := range []struct {
		given bool
		at    origin
	}{
		{raw.Names.given, raw.Names.at}, {raw.Key.given, raw.Key.at}, {raw.NewKey.given, raw.NewKey.at},
		{raw.Services.given, raw.Services.at}, {raw.Directory.given, raw.Directory.at}, {raw.Owner.given, raw.Owner.at},
		{raw.FileMode.given, raw.FileMode.at}, {raw.Reload.given, raw.Reload.at},
	} {
		if k.given {
			b.warn(k.at, `this is not used while mode is "none"; write mode = "acme" or "own-ca", or take it out`)
		}
	}
}

// certServices reads the names of the services that serve the certificate.
func (b *builder) certServices(t texts, c *Config) (list []string) {
	var local []string
	for _, s := range c.Services {
		if !s.Remote {
			local = append(local, s.Name)
		}
	}
	if t.given && t.ok && len(t.v) == 0 {
		b.fail(t.at, "empty; write the name of at least one [[service]], or leave the key out for all that are at home")
	}
	for _, one := range t.v {
		at := slices.IndexFunc(c.Services, func(s Service) bool { return s.Name == one.v })
		switch {
		case at < 0:
			b.fail(one.at, "no [[service]] is named %s%s", show(one.v), didYouMean(one.v, local))
		case c.Services[at].Remote:
			b.fail(one.at, "the service %s is remote, so its certificate is looked after elsewhere; take it out", show(one.v))
		case slices.Contains(list, one.v):
			b.fail(one.at, "%s is in this list already; write it once", show(one.v))
		default:
			list = append(list, one.v)
		}
	}
	if !t.given {
		return local
	}
	return list
}

// didYouMean ends a sentence with the nearest of words, where one is near.
func didYouMean(v string, words []string) string {
	if near := nearest(v, words); near != "" {
		return "; did you mean \"" + near + "\"?"
	}
	return "; write the name of one that is at home"
}

// certAddresses reads the addresses that a certificate of the own CA names.
func (b *builder) certAddresses(t texts, mode cert.Mode) (list []netip.Addr) {
	if t.given && mode == cert.ACME {
		b.fail(t.at, `a public CA names no address of a home; take this out, or write mode = "own-ca"`)
	} else if t.given && mode == cert.None {
		b.warn(t.at, `this is not used while mode is "none"; write mode = "own-ca", or take it out`)
	}
	if len(t.v) > maxCertNames {
		b.fail(t.at, "%d are more than the %d that a certificate may have", len(t.v), maxCertNames)
	}
	for _, one := range t.v {
		addr, err := netip.ParseAddr(one.v)
		addr = addr.Unmap()
		switch {
		case err != nil || addr.Zone() != "" || addr.IsUnspecified() || addr.IsMulticast():
			b.fail(one.at, `%s is not the IP address of a host; write it alone, such as "192.168.1.10"`, show(one.v))
		case slices.Contains(list, addr):
			b.fail(one.at, "%s is in this list already; write it once", addr)
		default:
			list = append(list, addr)
		}
	}
	return list
}

// ownCA reads [certificate.own_ca].
func (b *builder) ownCA(raw rawOwnCA, n *cert.Config) {
	n.Lifetime = days(b.number(raw.LifetimeDays, 397, 1, 397, "days; phones take no longer one"))
	if t := raw.PassphraseFile; t.ok {
		n.PassphraseFile = b.passphraseFile(t)
	}
}

// passphraseFile reads the path of a file that is read whenever the CA issues.
func (b *builder) passphraseFile(t text) string {
	path := resolve(t.at, t.v)
	shown := "the file that is named here"
	if strings.Contains(t.v, "/") && !looksSecret(t.v) {
		shown = path
	}
	if t.v == "" || len(t.v) > maxPath {
		b.fail(t.at, "this is no path of a file; write that of a file with the passphrase of the CA's key as its only content, or take the key out")
		return ""
	}
	switch f, err := b.readFile(path, maxToken); {
	case err != nil:
		b.warn(t.at, "cannot read %s: %s; until it can be read, the own CA issues nothing", shown, readProblem(err))
	case strings.TrimSpace(string(f.Data)) == "":
		b.warn(t.at, "%s is empty; until it holds the passphrase of the CA's key, the own CA issues nothing", shown)
	case f.Mode.Perm()&0o004 != 0:
		b.warn(t.at, "everybody on this host can read %s; take that away with chmod o-r", shown)
	}
	return path
}
