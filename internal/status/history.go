package status

// The section history, made of what is remembered.

import (
	"time"

	"github.com/edgeguard/edgeguard/internal/status/history"
)

// history is nil while nothing is remembered. What was clean when it was
// remembered is cleaned again: the file may have been written by others, and the
// config's secrets may be new.
func (m maker) history(v history.View) *History {
	if v.Empty() {
		return nil
	}
	made := &History{
		WAN: each(true, v.WAN, func(a history.Address) AddressChange {
			return AddressChange{At: seconds(a.At), Family: a.Family, Address: host(a.Addr)}
		}),
		Links: each(true, v.Links, func(c history.Change) LinkChange {
			return LinkChange{At: seconds(c.At), ID: c.ID, Status: c.Verdict, Summary: m.text(c.Summary)}
		}),
	}
	if s := v.DNS; s != nil {
		made.DNS = &Series{
			End: seconds(s.End), StepSeconds: float64(history.Step) / float64(time.Second),
			Queries: copied(s.Queries), Hits: copied(s.Hits), UpstreamSeconds: copied(s.UpstreamSeconds),
		}
	}
	return made
}

// copied shares no memory with list.
func copied[T any](list []T) []T { return append([]T{}, list...) }
