//go:build linux

package lab

// The faults: every way in which the lab breaks a home, and the one sentence
// that the chain then has for it. docs/troubleshooting.md is made of this table,
// and a test holds the daemon to it.

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Fault is one way in which a link of the chain breaks.
type Fault struct {
	// ID names it in tests, and is its anchor in docs/troubleshooting.md.
	ID string
	// Title is what happened, as one would tell a neighbour.
	Title string
	// Link is the link that turns, Verdict what it turns to.
	Link, Verdict string
	// Summary is the link's sentence and Action what it says to do, word for
	// word but for the values in braces; see Values. An empty Action is none.
	Summary, Action string
	// More is what else is worth saying of it to a person who reads; may be
	// empty.
	More string
	// Also are links that turn with it as they must, each as "link verdict":
	// the forward of a router that is gone cannot be there either. "link *"
	// allows any verdict.
	Also []string
}

// Values are what stands for each name in braces: in the tests what is so in
// the lab, in the documentation an example. "date", "time" and "any" stand for a
// day, a time of day and any text.
type Values map[string]string

// ExampleValues are those of the documentation.
func ExampleValues() Values {
	return Values{
		"time": "06:30", "public": "9.9.9.9", "wrongport": "192.168.1.10:8884", "nobody": "192.168.1.99",
		"strange": "Another CA", "intermediate": "Home CA 2", "othername": "nas.example.org",
		"broker": "192.168.1.10:8883", "nas": "192.168.1.10", "pi": "192.168.1.20", "router": "192.168.1.1", "phone": "192.168.1.30",
		"name": "myhome.duckdns.org", "wan": "203.0.113.7", "before": "203.0.113.3", "other": "203.0.113.99", "upstream": "9.9.9.9", "ca": "Home CA",
		"date": "2027-03-01", "any": "…", "parent": "org", "cloud": "mqtt.example.org",
		"behind": "192.168.178.2", "shared": "100.64.3.4", "tunnel": "192.0.0.2",
	}
}

// brace is a value's place in a sentence.
var brace = regexp.MustCompile(`\{[a-z0-9]+\}`)

// Fill is a sentence with values in place of the names in braces. A name that
// values does not know stays.
func (v Values) Fill(sentence string) string {
	return brace.ReplaceAllStringFunc(sentence, func(name string) string {
		if value, ok := v[strings.Trim(name, "{}")]; ok {
			return value
		}
		return name
	})
}

// Match returns nil where said is the sentence with values filled in, and else
// an error that shows both.
func (v Values) Match(sentence, said string) error {
	var b strings.Builder
	rest := sentence
	for _, name := range brace.FindAllString(sentence, -1) {
		before, after, _ := strings.Cut(rest, name)
		b.WriteString(regexp.QuoteMeta(before))
		rest = after
		switch key := strings.Trim(name, "{}"); key {
		case "date":
			b.WriteString(`\d{4}-\d\d-\d\d`)
		case "time":
			b.WriteString(`\d\d:\d\d`)
		case "any":
			b.WriteString(`.*`)
		default:
			value, ok := v[key]
			if !ok {
				return fmt.Errorf("the sentence %q has %s, for which there is no value", sentence, name)
			}
			b.WriteString(regexp.QuoteMeta(value))
		}
	}
	b.WriteString(regexp.QuoteMeta(rest))
	if !regexp.MustCompile(`^` + b.String() + `$`).MatchString(said) {
		return fmt.Errorf("it says\n\t%q, not\n\t%q", said, v.Fill(sentence))
	}
	return nil
}

// AllFaults lists the faults in the order of the chain.
func AllFaults() []Fault {
	return slices.Concat(wanFaults, ddnsFaults, forwardFaults, brokerFaults, certificateFaults, keeperFaults, hairpinFaults, dnsFaults, clientsFaults)
}
