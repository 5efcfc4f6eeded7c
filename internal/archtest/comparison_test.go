package archtest

// What docs/comparison.md claims: every row of its tables is there, with a test;
// and every test that any of the documents names.

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// comparison is one part of docs/comparison.md: a table of features with our
// column last, and one of reports by other programs' users, with a test each.
type comparison struct {
	features, reports string   // the headings of the two tables
	rows              []string // that the first must have
	complaints        int      // how many rows the second has
	test              string   // how the name of a report's test begins
}

var comparisons = []comparison{
	{
		features: "Features", reports: "What users complained of elsewhere", complaints: 15, test: "TestComplaint",
		rows: []string{
			"Overridden name, other types", "Wildcard", "CNAME override", "Per-client answers", "PTR for an override",
			"TTL of local answers", "AA on an override", "Conditional forward, private PTR", "Special-use names",
			"Upstream protocols", "Choice of upstream", "Cache, as it comes", "Stale answers", "Prefetch", "Negative answers",
			"Cache over a restart", "DNSSEC", "EDNS size", "Cookies (RFC 7873)", "Rebinding filter", "Rate limit",
			"Who may ask, as it comes", "ANY", "0x20", "Same question in flight", "Reload", "Encrypted DNS for the LAN",
			"Interfaces that change", "Query log", "Metrics",
		},
	},
	{
		features: "DDNS and the WAN address", reports: "What users of DDNS clients complained of", complaints: 15, test: "Test",
		rows: []string{
			"Router by UPnP", "NAT-PMP, PCP; STUN", "HTTP echo services", "DNS services", "Interface, command", "Agreement of sources",
			"Private and shared addresses refused", "IPv6; host part of its own", "Looks, as it comes", "Woken by events",
			"Look at the record before a write", "Authoritative servers asked", "Failed writes", "Against being banned",
			"Over a restart", "Providers, names", "Wildcard records", "Cloudflare: proxy switch kept", "Cloudflare: TTL kept",
			"Cloudflare: missing record made", "Record deleted at the end", "People told", "Web page", "Status as JSON",
			"Secrets in files", "Container image",
		},
	},
	{
		features: "The port forward", reports: "What users of port mappers complained of", complaints: 25, test: "Test",
		rows: []string{
			"Search on every interface", "Search at the gateway itself", "Search targets", "Kinds of connection",
			"NAT-PMP, PCP", "Lease, and renewal", "Router without leases that end (725)", "Port that is taken (718)",
			"AddAnyPortMapping", "Read-back", "Refusals explained", "Forward to another host", "Taken away at the end",
			"After a restart of the router", "Woken by UPnP events, multicast announcements, a new BOOTID",
			"Epoch of NAT-PMP and PCP", "Pinhole in the IPv6 firewall", "Private WAN address, two routers",
			"Several routers in the LAN", "In a container on a bridge", "Oddities of a router remembered",
			"Whose answer counts", "Bounds on what the router says",
		},
	},
	{
		features: "Certificates", reports: "What users of certificate tools complained of", complaints: 10, test: "Test",
		rows: []string{
			"Public CA by DNS-01", "Proof by an alias (CNAME)", "The record is seen before the CA is told", "Port 80 for HTTP-01",
			"Rehearsal at a staging server", "Order taken up after a crash", "Limits held over restarts", "When it renews",
			"Clock that is wrong", "Key, as it comes", "Handed to a broker", "The served one is looked at", "Own authority",
			"Its limits; key under a passphrase; root off line", "Certificates for clients", "Revocation of a client",
			"Phones led to the authority",
		},
	},
}

var (
	testDeclared = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	testNamed    = regexp.MustCompile("`((?:Test|Fuzz)\\w+)`")
)

// tableRows returns the cells of the rows of the table under a heading.
func tableRows(t *testing.T, text, heading string) map[string][]string {
	t.Helper()
	_, text, found := strings.Cut(text, "\n## "+heading+"\n")
	if !found {
		t.Fatalf("docs/comparison.md has no heading %q", heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	rows := map[string][]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if rows[cells[0]] != nil {
			t.Errorf("the row %q is there twice", cells[0])
		}
		rows[cells[0]] = cells
	}
	return rows
}

func TestEveryClaimOfTheComparisonHasItsTest(t *testing.T) {
	texts := documents(t)
	declared := map[string]bool{}
	for name, source := range goFiles(t) {
		if strings.HasSuffix(name, "_test.go") {
			for _, m := range testDeclared.FindAllSubmatch(source, -1) {
				declared[string(m[1])] = true
			}
		}
	}
	for name, text := range texts {
		for _, m := range testNamed.FindAllStringSubmatch(text, -1) {
			if !declared[m[1]] {
				t.Errorf("docs/%s names %s, which is no test here", name, m[1])
			}
		}
	}
	for _, c := range comparisons {
		c.check(t, texts["comparison.md"])
	}
}

// documents are the texts of docs, by name.
func documents(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root(t), "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(name)] = string(raw)
	}
	return texts
}

// check wants every row, and a test in each.
func (c comparison) check(t *testing.T, text string) {
	t.Helper()
	features := tableRows(t, text, c.features)
	columns := len(features["feature"])
	for _, name := range c.rows {
		row := features[name]
		if row == nil || len(row) != columns {
			t.Errorf("docs/comparison.md lacks the row %q, or it has not %d cells: %q", name, columns, row)
			continue
		}
		ours := row[columns-1]
		if !testNamed.MatchString(ours) && !strings.HasPrefix(ours, "no") && !strings.HasPrefix(ours, "later") {
			t.Errorf("the row %q says %q of us, with no test behind it", name, ours)
		}
	}
	if len(features) != len(c.rows)+1 {
		t.Errorf("the table %q has %d rows, and %d are looked at", c.features, len(features)-1, len(c.rows))
	}
	reports := tableRows(t, text, c.reports)
	delete(reports, "report")
	if len(reports) != c.complaints {
		t.Errorf("there are %d reports under %q, not %d", len(reports), c.reports, c.complaints)
	}
	for name, row := range reports {
		if !strings.Contains(row[len(row)-1], "`"+c.test) {
			t.Errorf("no test is named after %s", name)
		}
	}
}
