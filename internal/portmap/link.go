package portmap

// The chain's link "forward", made from the forwards.

import (
	"fmt"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// link is the worst of the forwards, with a line of evidence for each.
func link(forwards []ForwardStatus) fact.Link {
	if len(forwards) == 0 {
		return fact.Link{Verdict: fact.VerdictPass, Summary: "No port is to be forwarded."}
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
	if result.Action == "" {
		result.Action = warnedAction(worst)
	}
	if result.Verdict == fact.VerdictPass && len(forwards) > 1 {
		result.Summary = all(forwards)
	}
	return result
}

// all says in one line that all ports are forwarded, and by what that is known.
func all(forwards []ForwardStatus) string {
	for _, f := range forwards {
		if f.State != StateActive || f.Method != string(fact.MethodIGD) {
			return fmt.Sprintf("All %d ports are forwarded.", len(forwards))
		}
	}
	return fmt.Sprintf("The router forwards all %d ports, as read back from it.", len(forwards))
}

func verdict(f ForwardStatus) fact.Verdict {
	switch f.State {
	case StateActive:
		if f.LastError != "" || f.Warning != "" {
			return fact.VerdictWarn
		}
		return fact.VerdictPass
	case StateManual:
		switch f.Reach.State {
		case Reached:
			if f.Warning != "" {
				return fact.VerdictWarn
			}
			return fact.VerdictPass
		case NotReached:
			return fact.VerdictWarn
		}
		if f.LastError != "" {
			return fact.VerdictWarn // nobody has said that it is made by hand
		}
		return fact.VerdictUnknown
	case StateUnconfirmed:
		return fact.VerdictWarn
	case StateConflict, StateFailed:
		return fact.VerdictFail
	}
	return fact.VerdictUnknown
}

// warnedAction is what to do about a forward that has nothing but a warning.
func warnedAction(f ForwardStatus) string {
	if f.Warning == "" || verdict(f) != fact.VerdictWarn {
		return ""
	}
	return fmt.Sprintf("Give clients at home port %d and clients outside port %d, or make the service's port and its external_port the same.", f.Internal.Port(), f.ExternalPort)
}

// sentence says in one line how a forward is.
func sentence(f ForwardStatus) string {
	port := fmt.Sprintf("Port %d", f.ExternalPort)
	switch f.State {
	case StateActive:
		if f.LastError != "" {
			return port + ": " + f.LastError + ending(f) + "."
		}
		if f.Warning != "" {
			return fmt.Sprintf("The router forwards port %d to %s, but %s.", f.ExternalPort, f.Internal, f.Warning)
		}
		return standsBy(f)
	case StateManual:
		return manualSentence(f)
	case StateConflict:
		return fmt.Sprintf("The internet does not reach %s: %s.", f.Service, f.Conflict)
	case StateFailed:
		if strings.HasPrefix(f.LastError, notAsked) {
			return fmt.Sprintf("Whether the internet reaches %s is not known: %s.", f.Service, f.LastError)
		}
		return fmt.Sprintf("The router does not forward port %d, so the internet does not reach %s: %s.", f.ExternalPort, f.Service, f.LastError)
	case StateUnconfirmed:
		return port + " may or may not be forwarded: " + f.LastError + "."
	}
	return port + " has not been asked for yet."
}

// ending says what becomes of a forward that could not be renewed.
func ending(f ForwardStatus) string {
	if f.LeaseExpiresAt.IsZero() {
		return ""
	}
	return f.LeaseExpiresAt.In(time.UTC).Format("; it ends at 15:04 UTC unless that succeeds")
}

// standsBy says that a forward is in force, and by what that is known.
func standsBy(f ForwardStatus) string {
	to := f.Internal.String()
	if f.Relay != nil || f.relayed {
		to = fmt.Sprintf("edgeguard's relay, which carries it to %s", f.Internal)
	}
	known := "as read back from it"
	if f.Method != string(fact.MethodIGD) {
		known = "as granted by " + names[fact.Method(f.Method)]
		if !f.LeaseExpiresAt.IsZero() {
			known += f.LeaseExpiresAt.In(time.UTC).Format(" until 15:04 UTC")
		}
	}
	return fmt.Sprintf("The router forwards port %d to %s, %s.", f.ExternalPort, to, known)
}

// manualSentence says what is known of a forward that is made by hand.
func manualSentence(f ForwardStatus) string {
	if f.Reach.State == Reached {
		return manualWorks(f)
	}
	why := fmt.Sprintf("Forwarding port %d is left to you", f.ExternalPort)
	if f.LastError != "" {
		why = fmt.Sprintf("Port %d must be forwarded by hand (%s)", f.ExternalPort, f.LastError)
	}
	words := f.Reach.Words
	if words != "" {
		words = " (" + words + ")"
	}
	if f.Reach.State == NotReached {
		return fmt.Sprintf("%s, and %s was not reached at its public address%s: the forward is missing, or the router does not lead its own home there (no NAT loopback), which cannot be told apart from inside.",
			why, f.Service, words)
	}
	return fmt.Sprintf("%s, and whether it is done cannot be seen from here%s.", why, words)
}

// manualWorks says that a forward that is made by hand was seen to work.
func manualWorks(f ForwardStatus) string {
	text := fmt.Sprintf("The forward of port %d, made by hand, works: %s was reached at its public address", f.ExternalPort, f.Service)
	if f.Reach.Words != "" {
		text += " (" + f.Reach.Words + ")"
	}
	if f.Warning != "" {
		text += ", but " + f.Warning
	}
	return text + "."
}

// evidence is one line on a forward. It holds no times, so that it changes
// only when something does.
func evidence(f ForwardStatus) string {
	line := fmt.Sprintf("%s: %s %d to %s: %s", f.Service, f.Protocol, f.ExternalPort, f.Internal, f.State)
	for _, more := range []string{f.Conflict, f.LastError, f.Warning, f.Note, f.Reach.Words} {
		if more != "" {
			line += "; " + more
		}
	}
	return line
}
