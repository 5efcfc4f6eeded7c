//go:build linux

package lab

// Who asks a host's own DNS server about challenges.

import (
	"regexp"
	"strconv"
	"testing"
)

// challengeRule counts the questions over UDP that begin with the label
// _acme-challenge: 8 bytes of UDP and 12 of the message go before it.
const challengeRule = `table inet challenges {
	chain input {
		type filter hook input priority 0;
		udp dport 53 @th,160,128 0x0f5f61636d652d6368616c6c656e6765 counter
	}
}`

var packets = regexp.MustCompile(`packets ([0-9]+)`)

// CountChallengeQuestions has the host's kernel count the questions about names
// that begin with _acme-challenge which come to port 53 of the host, from itself
// too. The function that it returns says how many there were.
func (h *Host) CountChallengeQuestions(t testing.TB) func() int {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, dir, "challenges.nft", challengeRule)
	h.Run(t, "nft", "-f", dir+"/challenges.nft")
	return func() int {
		t.Helper()
		out := h.Run(t, "nft", "list", "table", "inet", "challenges")
		found := packets.FindStringSubmatch(out)
		if found == nil {
			t.Fatalf("the kernel counts no questions:\n%s", out)
		}
		n, _ := strconv.Atoi(found[1])
		return n
	}
}
