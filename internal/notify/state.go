package notify

// The state file: what was told and what waits to be sent, over restarts. It
// holds no URL and no secret.

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/durable"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/secret"
)

const (
	stateVersion = 1
	maxState     = 4 << 20
)

// stateFile is the file's form. Times are RFC 3339.
type stateFile struct {
	Version int           `json:"version"`
	Targets []stateTarget `json:"targets"`
}

// stateTarget is what is remembered for one target.
type stateTarget struct {
	Fingerprint string      `json:"fingerprint"`
	IPv4        netip.Addr  `json:"ipv4,omitzero"`
	IPv6        netip.Addr  `json:"ipv6,omitzero"`
	Failed      []stateLink `json:"failed,omitempty"`
	Sent        []time.Time `json:"sent,omitempty"`
	// Queues are those of the target's endpoints, in their order.
	Queues [][]Message `json:"queues,omitempty"`
}

// stateLink is a link that failed when the file was written.
type stateLink struct {
	ID    string    `json:"id"`
	Since time.Time `json:"since"`
	// Seconds is for how long it was seen to fail, up to when it was told.
	Seconds float64 `json:"seconds"`
	Told    bool    `json:"told"`
}

// fingerprint tells one target from another, so that a new one starts afresh.
// It is a truncated hash: tokens are long and random, so it does not help in
// guessing one.
func fingerprint(target secret.Value) string {
	sum := sha256.Sum256([]byte("edgeguard notify target v1\x00" + target.Reveal()))
	return hex.EncodeToString(sum[:12])
}

// known is what the state file says of the tracker, for telling whether it must
// be written. How long a failure has lasted is not worth a write.
func (t *tracker) known() string {
	var b strings.Builder
	fmt.Fprint(&b, t.v4.told, t.v6.told)
	for _, l := range t.failed() {
		if l.Told {
			fmt.Fprint(&b, " ", l.ID)
		}
	}
	return b.String()
}

// failed lists the links that failed, whether told or not.
func (t *tracker) failed() []stateLink {
	var list []stateLink
	for _, id := range slices.Sorted(maps.Keys(t.links)) {
		if c := t.links[id]; !c.since.IsZero() {
			list = append(list, stateLink{ID: id, Since: stamp(c.since), Seconds: c.bad.Seconds(), Told: c.told})
		}
	}
	return list
}

// restore takes over what is remembered. Nothing in it is trusted further than
// that it may keep a message from being sent.
func (t *tracker) restore(s stateTarget, now time.Time) {
	t.v4.told, t.v6.told = s.IPv4, s.IPv6
	for _, at := range s.Sent[max(0, len(s.Sent)-perHour):] {
		if !at.After(now) {
			t.sent = append(t.sent, at)
		}
	}
	for _, l := range s.Failed[:min(len(s.Failed), maxLinks)] {
		since := l.Since
		if since.IsZero() || since.After(now) {
			since = now
		}
		bad := time.Duration(min(max(l.Seconds, 0), 1e9) * float64(time.Second))
		t.links[words(l.ID)] = &course{verdict: fact.VerdictUnknown, since: since, bad: bad, told: l.Told}
	}
}

// load reads the file for the configured targets. Nothing about the file is
// fatal: what cannot be used is set aside with a warning.
func (n *Notifier) load() {
	var targets []stateTarget
	err := durable.Load(n.cfg.StateFile, maxState, func(raw []byte) (err error) {
		targets, err = parseState(raw)
		return err
	})
	var damaged *durable.DamagedError
	switch {
	case errors.As(err, &damaged):
		n.cfg.Log.Warn("the state file of the notifications is damaged or not ours; it is set aside, and what fails is told again",
			"path", n.cfg.StateFile, "moved_to", damaged.MovedTo, "err", damaged.Err)
		return
	case err != nil:
		n.cfg.Log.Warn("the state file of the notifications cannot be read; starting without it", "path", n.cfg.StateFile, "err", err)
		return
	}
	now := time.Now()
	for _, r := range n.receivers {
		for _, t := range targets {
			if t.Fingerprint != r.fingerprint {
				continue
			}
			r.tracker.restore(t, now)
			for i, q := range r.queues[:min(len(r.queues), len(t.Queues))] {
				for _, m := range t.Queues[i] {
					q.add(m)
				}
			}
			break
		}
	}
}

// parseState reads the file's text, which anybody may have written.
func parseState(raw []byte) ([]stateTarget, error) {
	if len(raw) > maxState {
		return nil, durable.ErrTooLarge
	}
	var file stateFile
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("reading its JSON: %w", err)
	}
	if file.Version != stateVersion {
		return nil, fmt.Errorf("its version is %d, not %d", file.Version, stateVersion)
	}
	for _, t := range file.Targets {
		if t.IPv4.IsValid() && !t.IPv4.Is4() || t.IPv6.IsValid() && !t.IPv6.Is6() {
			return nil, errors.New("it holds an address of the wrong family")
		}
		for _, queue := range t.Queues {
			for i := range queue {
				if err := queue[i].sane(); err != nil {
					return nil, err
				}
			}
		}
	}
	return file.Targets, nil
}

// sane bounds a message that was read, or says why it is none.
func (m *Message) sane() error {
	if len(m.Facts) == 0 || len(m.Facts) > maxLinks+2 || len(m.Records) > maxRecords {
		return errors.New("it holds a message with too few or too many facts")
	}
	for i := range m.Facts {
		f := &m.Facts[i]
		switch f.Event {
		case Failure, Change, Recovery:
		default:
			return errors.New("it names an event that does not exist")
		}
		f.Link, f.Summary, f.Action = words(f.Link), words(f.Summary), words(f.Action)
	}
	for i := range m.Records {
		m.Records[i].Name, m.Records[i].Type = words(m.Records[i].Name), words(m.Records[i].Type)
	}
	return nil
}

// remember takes over what the trackers know, and writes the file. Only the
// loop that owns the trackers calls it.
func (n *Notifier) remember() {
	n.mu.Lock()
	for _, r := range n.receivers {
		t := r.tracker
		r.told = stateTarget{Fingerprint: r.fingerprint, IPv4: t.v4.told, IPv6: t.v6.told, Failed: t.failed(), Sent: slices.Clone(t.sent)}
	}
	n.mu.Unlock()
	n.save()
}

// save writes the file. A file that cannot be written is told once; the daemon
// goes on without.
func (n *Notifier) save() {
	if n.cfg.StateFile == "" {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	err := n.write()
	if err != nil && !n.warned {
		n.cfg.Log.Warn("the state file of the notifications cannot be written; after a restart something may be told again, or not at all",
			"path", n.cfg.StateFile, "err", err)
	}
	n.warned = err != nil
}

// write writes the file. n.mu is held.
func (n *Notifier) write() error {
	file := stateFile{Version: stateVersion}
	for _, r := range n.receivers {
		t := r.told
		for _, q := range r.queues {
			t.Queues = append(t.Queues, q.waiting())
		}
		file.Targets = append(file.Targets, t)
	}
	raw := asJSON(file)
	if len(raw) > maxState { // what was told matters more than what waits
		for i := range file.Targets {
			file.Targets[i].Queues = nil
		}
		raw = asJSON(file)
	}
	return durable.Save(n.cfg.StateFile, raw)
}
