package notify

// A message: the facts that are told together, and how they read.

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/tidy"
)

const (
	// lateAfter is how old a message must be to say that it comes late.
	lateAfter = 2 * time.Minute
	// maxWords bounds a summary or an action in a message, in bytes.
	maxWords = 600
	// maxRecords bounds the records in a message.
	maxRecords = 32
)

// Fact is one thing that is told. Its JSON is the webhook's and the state
// file's.
type Fact struct {
	Event Event `json:"event"`
	// Link is the link's name; empty for a Change.
	Link string `json:"link,omitempty"`
	// Summary is what is so; Action is what a person can do, or empty.
	Summary string `json:"summary"`
	Action  string `json:"action,omitempty"`
	// Since is when it became so.
	Since time.Time `json:"since,omitzero"`
	// Old and New are the addresses of a Change.
	Old netip.Addr `json:"old,omitzero"`
	New netip.Addr `json:"new,omitzero"`
}

// Message is what is sent in one piece. It is immutable.
type Message struct {
	// Facts are never empty, and sorted by their event.
	Facts []Fact `json:"facts"`
	// Time is when the message was made.
	Time time.Time `json:"time"`
	// IPv4 and IPv6 are the public addresses then; zero where not known.
	IPv4 netip.Addr `json:"wan_ipv4,omitzero"`
	IPv6 netip.Addr `json:"wan_ipv6,omitzero"`
	// Records are the public records then; may be nil.
	Records []Record `json:"records,omitempty"`
}

// newMessage sorts and bounds what is told.
func newMessage(facts []Fact, in Input, now time.Time) Message {
	order := []Event{Failure, Change, Recovery, Test}
	facts = slices.Clone(facts)
	slices.SortStableFunc(facts, func(a, b Fact) int {
		return cmp.Compare(slices.Index(order, a.Event), slices.Index(order, b.Event))
	})
	m := Message{Facts: facts, Time: stamp(now), IPv4: addrOf(in.IPv4), IPv6: addrOf(in.IPv6)}
	m.Records = slices.Clone(in.Records[:min(len(in.Records), maxRecords)])
	return m
}

// stamp takes the fraction and the monotonic reading off a time.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// title is the message's first line.
func (m Message) title() string {
	first := m.Facts[0]
	text := ""
	switch first.Event {
	case Failure:
		text = first.Link + " has failed"
	case Recovery:
		text = first.Link + " works again"
	case Change:
		text = "the public address is now " + first.New.String()
	case Test:
		return "edgeguard: a test message"
	}
	if more := len(m.Facts) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return "edgeguard: " + text
}

// body is the message's text below the title, in lines.
func (m Message) body(now time.Time) string {
	var lines []string
	for _, f := range m.Facts {
		line := f.Summary
		if f.Link != "" {
			line = f.Link + ": " + line
		}
		if f.Event == Failure && !f.Since.IsZero() {
			line += " (since " + clock(f.Since) + ")"
		}
		if f.Action != "" {
			line += "\n→ " + f.Action
		}
		lines = append(lines, line)
	}
	if now.Sub(m.Time) > lateAfter {
		lines = append(lines, "This is of "+clock(m.Time)+"; it could not be sent earlier.")
	}
	return strings.Join(lines, "\n")
}

// clock is a time for people, in the zone of the host.
func clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04 MST") }

// webhook is the JSON for a webhook; docs/configuration.md describes it.
func (m Message) webhook(now time.Time) map[string]any {
	first := m.Facts[0]
	records := m.Records
	if records == nil {
		records = []Record{}
	}
	return map[string]any{
		"event": first.Event, "title": m.title(), "message": m.body(now),
		"link": orNull(first.Link, first.Link == ""), "since": orNull(first.Since, first.Since.IsZero()),
		"time": m.Time, "wan_ipv4": orNull(m.IPv4, !m.IPv4.IsValid()), "wan_ipv6": orNull(m.IPv6, !m.IPv6.IsValid()),
		"records": records, "facts": m.Facts,
	}
}

// orNull is v, or JSON's null where it is absent.
func orNull(v any, absent bool) any {
	if absent {
		return nil
	}
	return v
}

// asJSON encodes what always encodes.
func asJSON(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic("notify: a message cannot be encoded: " + err.Error())
	}
	return raw
}

// words makes foreign text fit for a message.
func words(text string) string { return tidy.Line(text, maxWords) }
