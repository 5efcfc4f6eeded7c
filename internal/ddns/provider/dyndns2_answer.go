package provider

// What the answers of the dyndns2 protocol mean.

import (
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"time"
)

// dynServerWait is how long a service with a fault of its own is left alone.
const dynServerWait = 30 * time.Minute

// dynCodes are the refusals: what they mean, and what a person can do.
var dynCodes = map[string]struct {
	kind         FaultKind
	wait         time.Duration
	text, action string
}{
	"badauth":     {Final, 0, "the user or the password is wrong", "Compare both with those at the provider's; some want a key of their own for updates."},
	"badagent":    {Final, 0, "it has blocked this program", "Ask the provider why, and report it to the project."},
	"notfqdn":     {Final, 0, "the name is no whole host name", "Write the whole name, as the provider lists it."},
	"nohost":      {Final, 0, "the name does not exist in this account", "Make the name at the provider's, or correct it here."},
	"numhost":     {Final, 0, "too many names in one update", "Report it to the project."},
	"abuse":       {Final, 0, "the name is blocked because of too many updates", "Have it unblocked at the provider's."},
	"blocked":     {Final, 0, "the name or the account is blocked", "Have it unblocked at the provider's."},
	"badsys":      {Final, 0, "the kind of service is not known there", "Check that the name is a dynamic one at the provider's."},
	"!donator":    {Final, 0, "the account has not paid for what was asked", "Extend the account at the provider's."},
	"!yours":      {Final, 0, "the name belongs to another account", "Check the user and the name."},
	"!active":     {Final, 0, "the name is not active", "Activate it at the provider's."},
	"dnserr":      {Failed, dynServerWait, "it has trouble with its DNS", ""},
	"dnserror":    {Failed, dynServerWait, "it has trouble with its DNS", ""},
	"911":         {Failed, dynServerWait, "it is out of order or being maintained", ""},
	"servererror": {Failed, dynServerWait, "it is out of order", ""},
	"interval":    {Limited, 5 * time.Minute, "updates come too fast", ""},
}

var dynWord = regexp.MustCompile(`^[a-z0-9!_-]{1,20}$`)

// dynAnswer returns the address that the service says the name has, the zero
// one where it does not say, or a *Fault. asked is what was to be set.
func dynAnswer(resp *http.Response, body []byte, host string, asked netip.Addr) (netip.Addr, error) {
	lines := dynLines(body)
	for _, line := range lines { // a refusal counts wherever it stands
		if code, known := dynCodes[line[0]]; known {
			f := statusFault(resp, host)
			if f.Kind != Limited {
				f.Kind, f.Wait = code.kind, max(f.Wait, code.wait)
			}
			f.Text, f.Action = fmt.Sprintf("%s answered %q: %s", host, line[0], code.text), code.action
			return netip.Addr{}, f
		}
	}
	if resp.StatusCode != http.StatusOK {
		return netip.Addr{}, statusFault(resp, host)
	}
	if len(lines) == 0 || lines[0][0] != "good" && lines[0][0] != "nochg" {
		f := &Fault{Text: fmt.Sprintf("%s answered with %d bytes that are not the dyndns2 protocol", host, len(body)),
			Action: "Check the server's name and path, and that nothing on the way, such as a log-in page, answers in its place."}
		if len(lines) > 0 && dynWord.MatchString(lines[0][0]) {
			f.Text = fmt.Sprintf("%s answered %q, which the dyndns2 protocol does not have", host, lines[0][0])
		}
		return netip.Addr{}, f
	}
	shown := dynShown(lines[0][1:], asked)
	if shown.IsLoopback() && !asked.IsLoopback() {
		return netip.Addr{}, &Fault{Kind: Final,
			Text:   fmt.Sprintf("%s answered %q with %s, which means that it ignores this program", host, lines[0][0], shown),
			Action: "Ask the provider why, and report it to the project."}
	}
	return shown, nil
}

// dynShown is the address among words that the name has now: of the family
// that was asked for, else any, else the zero one.
func dynShown(words []string, asked netip.Addr) netip.Addr {
	var shown netip.Addr
	for _, word := range words {
		for part := range strings.SplitSeq(word, ",") {
			addr, err := netip.ParseAddr(strings.Trim(part, "()[].;"))
			if err != nil || addr.Zone() != "" {
				continue
			}
			addr = addr.Unmap()
			if addr.Is4() == asked.Is4() {
				return addr
			}
			if addr.IsLoopback() {
				shown = addr
			}
		}
	}
	return shown
}

// dynLines splits an answer into lines of words, the first one in lower case.
// Empty lines are left out; a page is no answer at all.
func dynLines(body []byte) [][]string {
	text := strings.TrimSpace(strings.TrimPrefix(string(body), "\ufeff"))
	if strings.HasPrefix(text, "<") {
		return nil
	}
	var lines [][]string
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if words := strings.Fields(line); len(words) > 0 {
			words[0] = strings.ToLower(words[0])
			lines = append(lines, words)
		}
	}
	return lines
}
