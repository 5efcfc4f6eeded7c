package status

// What the page and the text say beside the chain: how a change of the address
// would be heard of, and which records are on their way.

import (
	"strings"
	"time"
)

// detail is one line that belongs to a link.
type detail struct {
	link, label, text string
}

// detailsOf lists what is worth a line of s.
func detailsOf(s *Snapshot) []detail {
	var list []detail
	if s.WAN.Events != nil {
		list = append(list, detail{linkWAN, "events", eventsText(s.WAN.Events)})
	}
	if h := s.WAN.LastHint; h != nil {
		list = append(list, detail{linkWAN, "hint", h.Kind + " at " + readable(h.At)})
	}
	for _, r := range s.DDNS {
		if text := r.remarks(); text != "" {
			list = append(list, detail{linkDDNS, "record", r.Name + " " + r.Type + ": " + text})
		}
	}
	return list
}

// eventsText is as in "gena on, announcements off (port in use), ssdp off".
func eventsText(events []EventSource) string {
	var parts []string
	for _, e := range events {
		part := e.Name + " off"
		switch {
		case e.On:
			part = e.Name + " on"
		case e.Detail != nil:
			part += " (" + *e.Detail + ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// remarks is what there is to say of a record beside its phase; often nothing.
func (r Record) remarks() string {
	var parts []string
	at := func(words string, t *time.Time) {
		if t != nil {
			parts = append(parts, words+" "+readable(*t))
		}
	}
	at("changed", r.ChangedAt)
	at("wrong since", r.WrongSince)
	if r.Intercepted {
		parts = append(parts, "DNS questions about it are intercepted")
	}
	return strings.Join(parts, ", ")
}
