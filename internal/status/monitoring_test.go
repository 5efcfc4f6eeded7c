package status_test

// docs/monitoring.md and what belongs to it: everything that it reads of the
// metrics or the JSON is there.

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/status"
)

const monitoring = "../../docs/monitoring"

var (
	metricNamed  = regexp.MustCompile(`\b(?:edgeguard|process)_[a-z_]+\b`)
	labelMatched = regexp.MustCompile(`([a-z]+)=~?"([a-z|]+)"`)
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// exprs checks that all that an expression selects is among the metrics.
func exprs(t *testing.T, where, expr, metrics string) {
	t.Helper()
	if expr != strings.TrimPrefix(expr, "up{") {
		return // Prometheus's own
	}
	names := metricNamed.FindAllString(expr, -1)
	if len(names) == 0 {
		t.Errorf("%s: no metric is in %q", where, expr)
	}
	for _, name := range names {
		if !strings.Contains(metrics, "\n"+name+"{") && !strings.Contains(metrics, "\n"+name+" ") {
			t.Errorf("%s: there is no %s", where, name)
		}
	}
	for _, m := range labelMatched.FindAllStringSubmatch(expr, -1) {
		for _, value := range strings.Split(m[2], "|") {
			if m[1] != "job" && !strings.Contains(metrics, m[1]+`="`+value+`"`) {
				t.Errorf("%s: nothing has %s=%q", where, m[1], value)
			}
		}
	}
}

func TestDashboardAsksForWhatIsThere(t *testing.T) {
	type panel struct {
		ID      int
		Title   string
		Targets []struct{ Expr string }
	}
	var dashboard struct {
		Title, UID string
		Panels     []panel
	}
	if err := json.Unmarshal([]byte(read(t, monitoring+"/grafana.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	metrics := metricsOf(t, everything())
	ids := map[int]bool{}
	for _, p := range dashboard.Panels {
		if ids[p.ID] || p.Title == "" || len(p.Targets) == 0 {
			t.Errorf("the panel %+v has no id, title or target of its own", p)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			exprs(t, p.Title, target.Expr, metrics)
		}
	}
	if len(ids) < 10 || dashboard.Title != "edgeguard" || dashboard.UID == "" {
		t.Errorf("%q (%q) has %d panels", dashboard.Title, dashboard.UID, len(ids))
	}
}

func TestAlertsAskForWhatIsThere(t *testing.T) {
	rules, doc := read(t, monitoring+"/alerts.yml"), read(t, monitoring+".md")
	metrics := metricsOf(t, everything())
	alerts := strings.Split(rules, "- alert: ")[1:]
	for _, alert := range alerts {
		name, rest, _ := strings.Cut(alert, "\n")
		_, expr, _ := strings.Cut(rest, "expr: ")
		expr, _, _ = strings.Cut(expr, "\n        labels:")
		exprs(t, name, expr, metrics)
		if !strings.Contains(doc, "\n| `"+name+"` | ") {
			t.Errorf("docs/monitoring.md does not say what %s means", name)
		}
	}
	if len(alerts) < 10 || strings.Count(doc, "\n| `Edgeguard") != len(alerts) {
		t.Errorf("%d alerts, and docs/monitoring.md has %d", len(alerts), strings.Count(doc, "\n| `Edgeguard"))
	}
	if said, content := promtool(t, nil, "check", "rules", monitoring+"/alerts.yml"); !content {
		t.Error(said)
	}
}

// Prometheus itself says when they fire, from series made for them.
func TestAlertsFire(t *testing.T) {
	if said, content := promtool(t, nil, "test", "rules", "testdata/alerts_test.yml"); !content {
		t.Error(said)
	}
}

// The table of metrics is whole, and names none that is not there. A name that
// begins with _ has the beginning of the one before it.
func TestMonitoringNamesEveryMetric(t *testing.T) {
	var named []string
	for line := range strings.Lines(read(t, monitoring+".md")) {
		if !strings.HasPrefix(line, "| `edgeguard_") {
			continue
		}
		first, prefix := "", ""
		for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(strings.Split(line, "|")[1], -1) {
			name := m[1]
			if strings.HasPrefix(name, "_") {
				name = prefix + name
			} else {
				first = name
				prefix = first[:strings.LastIndex(first, "_")]
			}
			named = append(named, name)
		}
	}
	var there []string
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (edgeguard_\S+)`).FindAllStringSubmatch(metricsOf(t, everything()), -1) {
		there = append(there, m[1])
	}
	slices.Sort(named)
	slices.Sort(there)
	if !slices.Equal(named, there) {
		t.Errorf("docs/monitoring.md names\n%s\nand there are\n%s", strings.Join(named, "\n"), strings.Join(there, "\n"))
	}
}

// at walks into decoded JSON along a path such as .services[0].name.
func at(value any, path string) any {
	for _, step := range regexp.MustCompile(`\w+`).FindAllString(path, -1) {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

// Every path of the examples leads to something.
func TestExamplesReadWhatIsThere(t *testing.T) {
	body, err := status.JSON(everything())
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		t.Fatal(err)
	}
	link := at(value, "chain.0")
	doc := read(t, monitoring+".md")
	for what, want := range map[string]struct {
		pattern string
		least   int
		of      any
	}{
		"a path":              {`value_json((?:\.\w+|\[\d+\])+)`, 5, value},
		"a path of a query":   {"`\\$string\\((\\w+) != \"fail\"\\)`", 1, value},
		"a field of a link":   {`selectattr\('(\w+)'`, 2, link},
		"a field that is got": {`first\)\.(\w+)`, 1, link},
		"a field in a list":   {`attribute='(\w+)'`, 1, link},
		"a field of a query":  {`chain\[id="\w+"\]\.(\w+)`, 1, link},
	} {
		found := regexp.MustCompile(want.pattern).FindAllStringSubmatch(doc, -1)
		if len(found) < want.least {
			t.Errorf("%s is in the examples %d times, want %d", what, len(found), want.least)
		}
		for _, m := range found {
			if at(want.of, m[1]) == nil {
				t.Errorf("%s leads nowhere: %s", what, m[1])
			}
		}
	}
	for _, m := range regexp.MustCompile(`(?:id="|'id', 'eq', ')(\w+)`).FindAllStringSubmatch(doc, -1) {
		if !slices.Contains(status.LinkIDs(), m[1]) {
			t.Errorf("there is no link %s", m[1])
		}
	}
}
