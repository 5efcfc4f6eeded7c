package archtest

// What docs/comparison.md claims: every row of the comparison is there, and
// every test that it names.

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// comparedFeatures are the rows that the comparison must have.
var comparedFeatures = []string{
	"Overridden name, other types", "Wildcard", "CNAME override", "Per-client answers", "PTR for an override",
	"TTL of local answers", "AA on an override", "Conditional forward, private PTR", "Special-use names",
	"Upstream protocols", "Choice of upstream", "Cache, as it comes", "Stale answers", "Prefetch", "Negative answers",
	"Cache over a restart", "DNSSEC", "EDNS size", "Cookies (RFC 7873)", "Rebinding filter", "Rate limit",
	"Who may ask, as it comes", "ANY", "0x20", "Same question in flight", "Reload", "Encrypted DNS for the LAN",
	"Interfaces that change",
}

// complaints is how many reports of other servers' users have a test.
const complaints = 15

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
	raw, err := os.ReadFile(filepath.Join(root(t), "docs", "comparison.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	declared := map[string]bool{}
	for name, source := range goFiles(t) {
		if strings.HasSuffix(name, "_test.go") {
			for _, m := range testDeclared.FindAllSubmatch(source, -1) {
				declared[string(m[1])] = true
			}
		}
	}
	named := testNamed.FindAllStringSubmatch(text, -1)
	if len(named) < len(comparedFeatures) {
		t.Errorf("the comparison names %d tests only", len(named))
	}
	for _, m := range named {
		if !declared[m[1]] {
			t.Errorf("docs/comparison.md names %s, which is no test here", m[1])
		}
	}

	features := tableRows(t, text, "Features")
	columns := len(features["feature"])
	for _, name := range comparedFeatures {
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

	reports := tableRows(t, text, "What users complained of elsewhere")
	delete(reports, "report")
	if len(reports) != complaints {
		t.Errorf("there are %d reports, not %d", len(reports), complaints)
	}
	for name, row := range reports {
		if !strings.Contains(row[len(row)-1], "`TestComplaint") {
			t.Errorf("no test is named after %s", name)
		}
	}
}
