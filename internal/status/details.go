package status

// What the page and the text say beside the chain: how a change of the address
// would be heard of, which records are on their way, which router is talked to,
// and what became of the forwards.

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/portmap"
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
	if s.Router != nil {
		list = append(list, s.Router.details()...)
	}
	list = append(list, s.forwardDetails()...)
	if s.Certificate != nil {
		list = append(list, s.Certificate.details()...)
	}
	return list
}

// forwardDetails are a line for each port, and one for each relay: the link
// speaks of the worst of them alone.
func (s *Snapshot) forwardDetails() (list []detail) {
	var link Link
	for _, l := range s.Chain {
		if l.ID == linkForward {
			link = l
		}
	}
	for _, f := range s.Forwards {
		list = append(list, detail{linkForward, "port", f.text(link)})
		if f.Relay != nil {
			list = append(list, detail{linkForward, "relay", f.Service + ": " + f.Relay.text()})
		}
	}
	return list
}

// stateWords are the states that do not follow "is" in a sentence.
var stateWords = map[string]string{"conflict": "in conflict", "manual": "left to you", "none": "not possible", "failed": "not made", "pending": "still to be asked for", "waiting": "waiting for an address"}

// methodNames are the protocols in which a router is asked, for people.
var methodNames = map[string]string{"igd": "UPnP-IGD", "pcp": "PCP", "natpmp": "NAT-PMP"}

// methodName is a protocol's name for people.
func methodName(method string) string { return cmp.Or(methodNames[method], method) }

// details are which router it is, what is not heard of it, and who else says
// that it is one.
func (r *Router) details() (list []detail) {
	say := func(text string) { list = append(list, detail{linkForward, "router", text}) }
	var speaks []string
	for _, method := range r.Speaks {
		speaks = append(speaks, methodName(method))
	}
	switch in := strings.Join(speaks, ", "); {
	case r.Found && r.Description != nil && in != "":
		say(*r.Description + ", speaks " + in)
	case in != "" && r.Address != nil && r.Description != nil:
		say(fmt.Sprintf("%s speaks %s; %s", r.Address, in, *r.Description))
	case r.Description != nil:
		say(*r.Description)
	}
	if r.Lost != nil {
		say(*r.Lost)
	}
	for _, o := range r.Others[:min(len(r.Others), maxOthers)] {
		if o.Address != nil {
			say(o.Address.String() + " answers as a router, too; it is not used")
		}
	}
	return list
}

// text is as in "wireguard: UDP 51820 to 192.168.1.2:51820 is active by
// UPnP-IGD until 2026-11-21 12:00:00 UTC". What the link says already is left
// out.
func (f Forward) text(link Link) string {
	what := fmt.Sprintf("%s %d", f.Protocol, f.ExternalPort)
	if f.Family != nil && *f.Family == familyIPv6 {
		what = "IPv6 pinhole, " + f.Protocol
		if f.Internal == nil {
			what += fmt.Sprintf(" %d", f.ExternalPort)
		}
	}
	if f.Internal != nil {
		what += " to " + f.Internal.String()
	}
	text := f.Service + ": " + what
	if f.State != nil {
		text += " is " + cmp.Or(stateWords[*f.State], *f.State)
		stands := *f.State == string(portmap.StateActive) || *f.State == string(portmap.StateUnconfirmed)
		if stands && f.Method != nil {
			text += " by " + methodName(*f.Method)
		}
		if stands && f.LeaseExpiresAt != nil {
			text += " until " + readable(*f.LeaseExpiresAt)
		}
	}
	for _, more := range f.remarks() {
		if !strings.Contains(link.Summary, more) {
			text += "; " + more
		}
	}
	if f.Action != nil && (link.Action == nil || *link.Action != *f.Action) {
		text += "; to do: " + *f.Action
	}
	return text
}

// remarks are what there is to say of a forward beside its state; often nothing.
func (f Forward) remarks() (list []string) {
	for _, more := range []*string{f.Conflict, f.LastError, f.Warning, f.Note} {
		if more != nil {
			list = append(list, *more)
		}
	}
	if f.DownSeconds != nil {
		down := time.Duration(*f.DownSeconds * float64(time.Second)).Round(100 * time.Millisecond)
		was := fmt.Sprintf("was missing for %v when it was last found gone", down)
		if f.WokenBy != nil {
			was += ", which was looked for because " + *f.WokenBy
		}
		list = append(list, was)
	}
	return list
}

// text is as in "3 connections open, 20 carried so far (4.1 kB in, 9.0 kB out),
// 2 found no service". Where it leads is in the note of its forward.
func (r *Relay) text() string {
	open := "connections"
	if r.Open == 1 {
		open = "connection"
	}
	text := fmt.Sprintf("%d %s open, %d carried so far (%s in, %s out)", r.Open, open, r.Total, octets(r.BytesIn), octets(r.BytesOut))
	if r.Refused > 0 {
		text += fmt.Sprintf(", %d refused as there were too many", r.Refused)
	}
	if r.Failed > 0 {
		text += fmt.Sprintf(", %d found no service", r.Failed)
	}
	if r.LastError != nil {
		text += "; the last one: " + *r.LastError
	}
	return text
}

// octets writes a number of octets for people, as in "4.1 kB".
func octets(n uint64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/1000, 0
	const units = "kMGTPE"
	for value >= 999.95 && unit < len(units)-1 {
		value /= 1000
		unit++
	}
	return fmt.Sprintf("%.1f %cB", value, units[unit])
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
