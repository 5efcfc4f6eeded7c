package status

// The page's section of the forwards and pinholes.

import (
	"cmp"
	"fmt"

	"github.com/edgeguard/edgeguard/internal/portmap"
)

func (w *pageWriter) forwards(list []Forward) {
	if list == nil {
		return
	}
	w.section("forwards", w.t.Forward.Title)
	if len(list) == 0 {
		w.say("<p>", w.t.Forward.Empty, "</p>\n")
	}
	w.raw(`<ul class="things">` + "\n")
	w.rows(len(list), "<li>", "</li>\n", func(i int) { w.forward(list[i], i) })
	w.raw("</ul>\n</section>\n")
}

func (w *pageWriter) forward(f Forward, i int) {
	t := &w.t.Forward
	w.text("<li>\n<h3>", fmt.Sprintf("%s: %s %d", f.Service, f.Protocol, f.ExternalPort), "")
	if f.Family != nil && *f.Family == familyIPv6 {
		w.say(", ", t.Pinhole, "")
	}
	w.raw("</h3>\n<dl class=\"facts\">\n")
	if f.Internal != nil {
		w.item(t.Internal, func() { w.text("<code>", f.Internal.String(), "</code>") })
	}
	if f.State != nil {
		w.item(t.State, func() { w.text("", cmp.Or(stateWords[*f.State], *f.State), "") })
	}
	if f.Method != nil {
		w.item(t.By, func() { w.text("", methodName(*f.Method), "") })
	}
	w.moment(t.Lease, f.LeaseExpiresAt)
	if f.LeaseExpiresAt == nil && f.State != nil && *f.State == string(portmap.StateActive) {
		w.item(t.Lease, func() { w.say("", t.NoLease, "") })
	}
	w.moment(t.ReadBack, f.ReadBackAt)
	w.words(t.Conflict, f.Conflict)
	w.words(w.t.Page.LastError, f.LastError)
	w.words(t.Warning, f.Warning)
	w.words(t.Note, f.Note)
	w.words(t.Action, f.Action)
	if f.Relay != nil {
		w.item(t.Relay, func() { w.text("", f.Relay.text(), "") })
	}
	w.raw("</dl>\n")
	if len(f.Steps) > 0 {
		w.fold("steps-"+number(i), t.Steps)
		w.raw("<ol>\n")
		w.rows(len(f.Steps), "<li>", "</li>\n", func(i int) { w.text("<li>", f.Steps[i], "</li>\n") })
		w.raw("</ol>\n</details>\n")
	}
	w.raw("</li>\n")
}
