package fact

// A link of the chain, as a concern sees it.

import "fmt"

// Verdict is the state of a link of the chain. The zero Verdict is
// VerdictUnknown, which is never shown as a pass or as a failure.
type Verdict uint8

// The verdicts, in the order of the design document.
const (
	VerdictUnknown Verdict = iota
	VerdictPass
	VerdictWarn
	VerdictFail
)

var verdictNames = [...]string{"unknown", "pass", "warn", "fail"}

// String is the verdict as it stands in the JSON.
func (v Verdict) String() string {
	if int(v) < len(verdictNames) {
		return verdictNames[v]
	}
	return fmt.Sprintf("Verdict(%d)", uint8(v))
}

// MarshalText implements encoding.TextMarshaler.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler; an unknown word is an
// error.
func (v *Verdict) UnmarshalText(text []byte) error {
	for i, name := range verdictNames {
		if name == string(text) {
			*v = Verdict(i)
			return nil
		}
	}
	return fmt.Errorf("verdict %q is none of unknown, pass, warn, fail", text)
}

// Worse returns the worse of two verdicts: fail, then warn, then unknown, then
// pass.
func Worse(a, b Verdict) Verdict {
	rank := [...]int{VerdictPass: 0, VerdictUnknown: 1, VerdictWarn: 2, VerdictFail: 3}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// Link is what a concern says of its link of the chain. Since when it has been
// so is kept by the status package, which sees every change.
type Link struct {
	// Verdict is how the link is.
	Verdict Verdict
	// Summary is one line in plain words: what is so, and why it matters.
	Summary string
	// Action is what a person can do about it; empty when there is nothing to
	// do.
	Action string
	// Evidence is what the verdict rests on, a line each; may be nil.
	Evidence []string
}
