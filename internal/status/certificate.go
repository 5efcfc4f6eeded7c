package status

// The section certificate, made of what its keeper knows, and what the keeper has
// to do with the link certificate.

import (
	"cmp"
	"encoding/hex"
	"slices"

	"github.com/edgeguard/edgeguard/internal/cert"
	"github.com/edgeguard/edgeguard/internal/fact"
)

// What the keeper says beside the certificates that are seen.
const alsoToDo = "to do about what is served: "

// withKeeper is the link of the certificates that were seen with what the keeper
// of ours says: the worse of both. Where both find fault the keeper speaks, as it
// knows why, and what it says is to be done: who reads it need not renew by hand
// what is renewed for them. A keeper that says nothing changes nothing.
func withKeeper(seen fact.Link, s cert.Status) fact.Link {
	kept := s.Link
	silent := kept.Verdict == fact.VerdictUnknown && kept.Summary == "" && kept.Action == "" && len(kept.Evidence) == 0
	if s.Mode == "" || s.Mode == cert.None || silent {
		return seen
	}
	first, second := seen, kept
	if kept.Verdict != fact.VerdictPass && fact.Worse(kept.Verdict, seen.Verdict) == kept.Verdict {
		first, second = kept, seen
	}
	link := fact.Link{Verdict: first.Verdict, Summary: first.Summary, Action: first.Action}
	link.Evidence = slices.Concat(first.Evidence, inList(second.Summary), second.Evidence)
	if kept.Verdict != fact.VerdictPass {
		link.Action = cmp.Or(kept.Action, seen.Action)
		if kept.Action != "" && seen.Action != "" && seen.Action != kept.Action {
			link.Evidence = append(link.Evidence, alsoToDo+seen.Action)
		}
	}
	return link
}

// inList is text as a list; nil where there is none.
func inList(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// kept is nil before its keeper has said anything.
func (m maker) kept(s cert.Status) *Kept {
	if !spoken(s) {
		return nil
	}
	mode := cmp.Or(s.Mode, cert.None)
	keeps := mode != cert.None
	made := &Kept{Mode: m.text(string(mode)), Phase: m.optional(string(s.Phase))}
	if !keeps {
		return made
	}
	made.Names = m.texts(s.Names)
	made.Held = m.held(s.Held)
	made.NextRenewalAt, made.RenewalReason = instant(s.NextRenewalAt), m.optional(s.RenewalReason)
	made.LastError, made.NextAttemptAt = m.optional(s.LastError), instant(s.NextAttemptAt)
	made.Directory, made.WrittenAt, made.ReloadedAt = m.optional(s.Directory), instant(s.WrittenAt), instant(s.ReloadedAt)
	made.Serving = each(true, s.Serving, func(v cert.Serving) Serving {
		return Serving{Service: m.text(v.Service), State: m.text(string(cmp.Or(v.State, cert.ServingUnknown))), At: instant(v.At)}
	})
	return made
}

func (m maker) held(h *cert.Held) *Held {
	if h == nil {
		return nil
	}
	return &Held{
		Names: m.texts(h.Names), Issuer: m.optional(h.Issuer), Serial: m.optional(h.Serial),
		NotBefore: instant(h.NotBefore), NotAfter: instant(h.NotAfter), Key: m.optional(string(h.Key)),
		SHA256: sum(h.SHA256), SPKISHA256: sum(h.SPKI), TasmotaFingerprint: m.optional(h.TasmotaFingerprint),
	}
}

// sum is a hash in hex; nil where there is none.
func sum(of [32]byte) *string {
	if of == [32]byte{} {
		return nil
	}
	return new(hex.EncodeToString(of[:]))
}
