package hairpin

// The link "certificate".

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin/certs"
)

// certificateState is how the certificate last seen is.
func certificateState(s Service, m *memory, now, floor time.Time) state {
	if m.seen == nil {
		return certUnseen
	}
	c, leaf := m.seen, m.seen.Leaf
	missing := uncovered(s.Names, c.Valid)
	none := len(s.Names) > 0 && len(missing) == len(s.Names)
	addresses := len(c.Valid) == 0 && len(c.Addresses) > 0
	renewed := m.disk.against(c) == newer
	switch {
	case now.Before(floor) && (now.Before(leaf.NotBefore) || !c.cert.Trusted):
		return certClock
	case now.After(leaf.NotAfter) && renewed:
		return certExpiredRenewed
	case now.After(leaf.NotAfter):
		return certExpired
	case now.Before(leaf.NotBefore):
		return certNotYet
	case m.last.served == nil:
		return certGone
	case addresses && none:
		return certAddressesForNames
	case addresses && len(s.Names) == 0:
		return certAddresses
	case none:
		return certOtherNames
	case !c.cert.Trusted:
		return untrustedState(c.Chain)
	case c.Chain.Complete == certs.Incomplete:
		return certMissingKnown
	case len(missing) > 0:
		return certSomeNames
	case len(s.Names) == 0 && len(c.Names) == 0:
		return certNoHostName
	case c.CommonNameOnly:
		return certCommonName
	case renewed:
		return certRenewed
	case c.ExpiresSoon(now):
		return certSoon
	case s.FileKept:
		return certGood
	case m.disk.against(c) == older:
		return certNotInFile
	case m.disk.err != nil:
		return certFile
	default:
		return certGood
	}
}

// untrustedState is that of a chain that does not verify; its sentence is the
// reason.
func untrustedState(c certs.Chain) state {
	switch c.Problem {
	case certs.Missing:
		return certMissing
	case certs.SelfSigned:
		return certSelfSigned
	case certs.UnknownRoot:
		return certUnknownRoot
	case certs.Expired:
		return certAuthorityExpired
	case certs.NotYetValid:
		return certAuthorityNotYet
	case certs.WrongUse:
		return certWrongUse
	case certs.NoAuthority:
		return certNoAuthority
	case certs.NoRoots:
		return certNoRoots
	default:
		return certUntrusted
	}
}

// whyUntrusted is why a chain does not verify; empty where it does.
func whyUntrusted(c *certs.Certificate) string {
	chain := c.Chain
	switch {
	case chain.Trusted:
		return ""
	case chain.Problem == certs.Missing:
		return "the service does not serve the intermediate certificate " + chain.Gap
	case chain.Problem == certs.Expired && chain.Whose == "":
		return "it expired on " + day(c.Leaf.NotAfter)
	case chain.Problem == certs.NotYetValid && chain.Whose == "":
		return "it is not valid before " + day(c.Leaf.NotBefore)
	}
	return untrustedState(chain).clause("root", chain.Root, "authority", chain.Whose, "day", day(chain.When), "detail", chain.Detail)
}

// certificateLink judges the certificate last seen.
func certificateLink(s Service, m *memory, now, floor time.Time) fact.Link {
	at := certificateState(s, m, now, floor)
	who := fmt.Sprintf("The certificate of %q", s.Name)
	if m.seen == nil {
		return at.say("Cert", who)
	}
	c := m.seen
	names := s.Names
	if len(names) == 0 {
		names = c.Names
	}
	values := []string{
		"Cert", who, "name", s.Name, "names", few(names), "whose", whose(c.cert), "claims", unanswered(s, m),
		"from", day(c.Leaf.NotBefore), "until", day(c.Leaf.NotAfter), "missing", few(uncovered(s.Names, c.Valid)),
		"addresses", few(texts(c.Addresses)), "gap", c.Chain.Gap, "why", c.cert.Why, "file", m.disk.shown(), "fault", m.disk.fault(),
	}
	link := at.say(values...)
	if at >= certSelfSigned && at <= certUntrusted {
		frame := notTrusted
		if len(s.Names) == 0 {
			frame, link.Verdict = notTrustedNoName, fact.VerdictFail
		}
		link.Summary = fill(frame, values...)
	}
	link.Evidence = certificateEvidence(s, m)
	return link
}

// certificateEvidence is what is to be known of the certificate beside.
func certificateEvidence(s Service, m *memory) []string {
	c := m.seen.cert
	list := []string{
		fmt.Sprintf("%s: %s, valid until %s", s.Name, whose(c), day(c.NotAfter)),
		fmt.Sprintf("%s: %s, SHA-256 of the public key %s", s.Name, c.Key, c.SPKISHA256),
	}
	if c.TasmotaFingerprint != "" {
		list = append(list, fmt.Sprintf("%s: for Tasmota, MqttFingerprint1 %s", s.Name, c.TasmotaFingerprint))
	}
	if m.disk.err != nil {
		list = append(list, fmt.Sprintf("%s: %s: %s", s.Name, m.disk.shown(), m.disk.fault()))
	}
	return list
}

// uncovered lists the configured names for which the certificate is no good.
func uncovered(configured, valid []string) []string {
	var list []string
	for _, name := range configured {
		if !certs.Covers(valid, name) {
			list = append(list, name)
		}
	}
	return list
}

// unanswered says which names an untrusted certificate claims without getting
// them: neither configured nor learned from a trusted one before.
func unanswered(s Service, m *memory) string {
	if m.seen.cert.Trusted {
		return ""
	}
	var claimed []string
	for _, name := range certs.HostNames(m.seen.cert.Names, nil) {
		if !slices.Contains(s.Names, name) && !slices.Contains(m.names, name) {
			claimed = append(claimed, name)
		}
	}
	switch len(claimed) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("; an untrusted certificate claims %s; the name is not answered", claimed[0])
	default:
		return fmt.Sprintf("; an untrusted certificate claims %s; the names are not answered", few(claimed))
	}
}

func texts(addrs []netip.Addr) []string {
	list := make([]string, len(addrs))
	for i, a := range addrs {
		list[i] = a.String()
	}
	return list
}

// few lists up to five names.
func few(names []string) string {
	if len(names) <= 5 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:5], ", "), len(names)-5)
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
