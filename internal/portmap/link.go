package portmap

// The chain's link "forward", made from the forwards.

import (
	"fmt"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// link is the worst of the forwards, with a line of evidence for each.
func link(enabled bool, forwards []ForwardStatus) fact.Link {
	switch {
	case len(forwards) == 0:
		return fact.Link{Verdict: fact.VerdictPass, Summary: "No port is to be forwarded."}
	case !enabled:
		return fact.Link{Verdict: fact.VerdictUnknown,
			Summary: "Forwarding the ports is left to you (enabled = false under [portmap]), so it is not checked here."}
	}
	worst := forwards[0]
	result := fact.Link{}
	for _, f := range forwards {
		if fact.Worse(verdict(f), verdict(worst)) != verdict(worst) {
			worst = f
		}
		result.Evidence = append(result.Evidence, evidence(f))
	}
	result.Verdict, result.Summary, result.Action = verdict(worst), sentence(worst), worst.Action
	if result.Verdict == fact.VerdictPass && len(forwards) > 1 {
		result.Summary = fmt.Sprintf("The router forwards all %d ports, as read back from it.", len(forwards))
	}
	return result
}

func verdict(f ForwardStatus) fact.Verdict {
	switch f.State {
	case StateActive:
		if f.LastError != "" {
			return fact.VerdictWarn
		}
		return fact.VerdictPass
	case StateUnconfirmed:
		return fact.VerdictWarn
	case StateConflict, StateFailed:
		return fact.VerdictFail
	}
	return fact.VerdictUnknown
}

// sentence says in one line how a forward is.
func sentence(f ForwardStatus) string {
	port := fmt.Sprintf("Port %d", f.ExternalPort)
	switch f.State {
	case StateActive:
		if f.LastError != "" {
			return port + ": " + f.LastError + "."
		}
		return fmt.Sprintf("The router forwards port %d to %s, as read back from it.", f.ExternalPort, f.Internal)
	case StateConflict:
		return fmt.Sprintf("The internet does not reach %s: %s.", f.Service, f.Conflict)
	case StateFailed:
		return fmt.Sprintf("The router does not forward port %d, so the internet does not reach %s: %s.", f.ExternalPort, f.Service, f.LastError)
	case StateUnconfirmed:
		return port + " may or may not be forwarded: " + f.LastError + "."
	}
	return port + " has not been asked for yet."
}

// evidence is one line on a forward. It holds no times, so that it changes
// only when something does.
func evidence(f ForwardStatus) string {
	line := fmt.Sprintf("%s: %s %d to %s is %s", f.Service, f.Protocol, f.ExternalPort, f.Internal, f.State)
	for _, more := range []string{f.Conflict, f.LastError, f.Note} {
		if more != "" {
			line += "; " + more
		}
	}
	return line
}
