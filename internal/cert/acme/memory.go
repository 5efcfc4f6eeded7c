package acme

// What is remembered of attempts, so that a restart spends nothing that a CA
// counts.

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/durable"
)

const (
	// maxMemory bounds the state file, in bytes, and maxSets the sets of names in
	// it.
	maxMemory, maxSets = 256 << 10, 32
	// failWindow and maxFailed: failed validations of a set of names; Let's
	// Encrypt allows five an hour.
	failWindow, maxFailed = time.Hour, 3
	// placeWindow and maxPlaced: orders of a set of names. It is a brake for the
	// day on which something else here goes round in circles.
	placeWindow, maxPlaced = 24 * time.Hour, 20
	// maxWait bounds a wait of our own.
	maxWait = 24 * time.Hour
	// calm is after how long without a failure the waits begin anew.
	calm = 48 * time.Hour
)

// ladder is how long to wait after the nth failure in a row, where the CA had
// to judge; short where it did not, as that costs nobody anything.
var (
	ladder = []time.Duration{5 * time.Minute, 15 * time.Minute, time.Hour, 4 * time.Hour, 12 * time.Hour, maxWait}
	short  = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}
)

// memory is what is remembered of one CA. Its zero value remembers nothing.
type memory struct {
	path string
	Sets map[string]*record `json:"sets,omitempty"`
}

// record is what is remembered of one set of names.
type record struct {
	// Failed and Placed are the failed validations and the orders of late.
	Failed []time.Time `json:"failed,omitempty"`
	Placed []time.Time `json:"placed,omitempty"`
	// Rehearsed is whether an order of these was successful, here or at the
	// rehearsal.
	Rehearsed bool `json:"rehearsed,omitempty"`
	// Row is how many failures there were in a row, the last of them At.
	Row int       `json:"row,omitempty"`
	At  time.Time `json:"at"`
	// Until is before when it must not be tried again; zero means at once.
	Until time.Time `json:"until"`
	// Text and Action say why.
	Text   string `json:"text,omitempty"`
	Action string `json:"action,omitempty"`
	Asked  bool   `json:"asked,omitempty"` // Until is what the CA asked for
}

// loadMemory reads the file in folder. What cannot be read is set aside, and
// the error says so; the memory is then empty and usable.
func loadMemory(folder string) (*memory, error) {
	m := &memory{path: filepath.Join(folder, "attempts.json")}
	err := durable.Load(m.path, maxMemory, func(text []byte) (err error) { m.Sets, err = parseMemory(text); return err })
	if m.Sets == nil {
		m.Sets = map[string]*record{}
	}
	return m, err
}

// parseMemory reads what save wrote.
func parseMemory(text []byte) (map[string]*record, error) {
	var m memory
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, err
	}
	if len(m.Sets) > maxSets {
		return nil, fmt.Errorf("there are %d sets of names, and at most %d are kept", len(m.Sets), maxSets)
	}
	for _, r := range m.Sets {
		if r == nil || r.Row < 0 || len(r.Failed) > maxPlaced || len(r.Placed) > 2*maxPlaced {
			return nil, errors.New("a set of names is not as we write it")
		}
		r.Text, r.Action = clean(r.Text, 4*maxForeign), clean(r.Action, 4*maxForeign)
	}
	return m.Sets, nil
}

func (m *memory) save() error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return durable.Save(m.path, text)
}

// of returns the record of a set of names, made where there is none, and true
// to now: a clock that was wrong once locks nothing for longer than the wait
// itself.
func (m *memory) of(set string, now time.Time) *record {
	r := m.Sets[set]
	if r == nil {
		m.forgetOldest()
		r = new(record)
		m.Sets[set] = r
	}
	r.Failed = since(r.Failed, now.Add(-failWindow), now)
	r.Placed = since(r.Placed, now.Add(-placeWindow), now)
	if now.Before(r.At) {
		if !r.Until.IsZero() {
			r.Until = now.Add(r.Until.Sub(r.At))
		}
		r.At = now
	}
	most := maxWait
	if r.Asked {
		most = maxRetry
	}
	if r.Until.After(now.Add(most)) {
		r.At, r.Until = now, now.Add(most)
	}
	if r.Row > 0 && now.Sub(r.At) > calm && now.Sub(r.Until) > calm {
		r.Row = 0
	}
	return r
}

// forgetOldest makes room for one more set.
func (m *memory) forgetOldest() {
	for len(m.Sets) >= maxSets {
		var oldest string
		for set, r := range m.Sets {
			if oldest == "" || r.At.Before(m.Sets[oldest].At) {
				oldest = set
			}
		}
		delete(m.Sets, oldest)
	}
}

// since returns the moments after from. One that lies ahead of now is taken for
// now: the clock was wrong when it was written, or is now.
func since(list []time.Time, from, now time.Time) []time.Time {
	kept := make([]time.Time, 0, len(list))
	for _, at := range list {
		if at.After(now) {
			at = now
		}
		if at.After(from) {
			kept = append(kept, at)
		}
	}
	return kept
}

// refusal returns why nothing may be asked of the CA at now, or nil.
func (r *record) refusal(now time.Time) *Fault {
	if !now.Before(r.Until) {
		return nil
	}
	return &Fault{Text: r.Text, Action: r.Action, NotBefore: r.Until}
}

// brake returns why no new order may be placed at now, or nil.
func (r *record) brake(now time.Time) *Fault {
	switch {
	case len(r.Failed) >= maxFailed:
		return &Fault{
			Text:      fmt.Sprintf("The CA could not prove these names %d times within the hour, and allows few such failures.", len(r.Failed)),
			Action:    "Nothing: it is tried again when the hour is over.",
			NotBefore: slices.MinFunc(r.Failed, time.Time.Compare).Add(failWindow),
		}
	case len(r.Placed) >= maxPlaced:
		return &Fault{
			Text:      fmt.Sprintf("%d certificates for these names were ordered within a day, which is too many to be right.", len(r.Placed)),
			Action:    "Look into the log for what keeps asking for new ones.",
			NotBefore: slices.MinFunc(r.Placed, time.Time.Compare).Add(placeWindow),
		}
	}
	return nil
}

// fail remembers f at now, and fills in its NotBefore by the steps of waits
// where the CA asked for nothing. failed is whether a validation failed.
func (r *record) fail(f *Fault, now time.Time, steps []time.Duration, failed bool) {
	if failed {
		r.Failed = append(r.Failed, now)
	}
	r.Asked = !f.NotBefore.IsZero()
	if !r.Asked {
		f.NotBefore = now.Add(steps[min(r.Row, len(steps)-1)])
	}
	r.Row++
	r.At, r.Until, r.Text, r.Action = now, f.NotBefore, f.Text, f.Action
}

// succeed remembers that all went well.
func (r *record) succeed(now time.Time) {
	*r = record{Placed: r.Placed, Failed: r.Failed, Rehearsed: true, At: now}
}
