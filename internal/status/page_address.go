package status

// The page's section of the public address and of the records that lead to it.

import (
	"net/netip"
	"strconv"

	"github.com/edgeguard/edgeguard/internal/fact"
)

func (w *pageWriter) address(s *Snapshot) {
	t := &w.t.Address
	w.section("address", t.Title)
	w.raw(`<dl class="facts">` + "\n")
	w.item(t.IPv4, func() { w.addr(s.WAN.IPv4, s.WAN.IPv4State) })
	w.item(t.IPv6, func() { w.addr(s.WAN.IPv6, s.WAN.IPv6State) })
	if s.WAN.NAT != nil {
		words := map[string]string{"none": t.NoNAT, "double": t.DoubleNAT, "cgnat": t.CGNAT}
		w.item(t.NAT, func() {
			if text, ok := words[*s.WAN.NAT]; ok {
				w.say("", text, "")
			} else {
				w.text("", *s.WAN.NAT, "")
			}
		})
	}
	w.moment(t.ChangedAt, s.WAN.ChangedAt)
	w.raw("</dl>\n")
	w.sources(s.WAN.Sources)
	w.addresses(s.History)
	w.records(s.DDNS)
	w.raw("</section>\n")
}

// addr writes an address, or in which way there is none.
func (w *pageWriter) addr(a *netip.Addr, state string) {
	switch {
	case a != nil:
		w.text("<code>", a.String(), "</code>")
	case state == fact.None.String():
		w.say("", w.t.Page.None, "")
	default:
		w.say("", w.t.Page.NotKnown, "")
	}
}

func (w *pageWriter) sources(list []Source) {
	if len(list) == 0 {
		return
	}
	w.fold("sources", w.t.Address.Sources)
	w.raw(`<ul class="things">` + "\n")
	w.rows(len(list), "<li>", "</li>\n", func(i int) {
		source := list[i]
		w.text("<li><h4>", source.Name, "</h4>\n<p>")
		w.addr(source.Address, source.State)
		if source.ObservedAt != nil {
			w.raw(" ")
			w.time(*source.ObservedAt)
		}
		w.raw("</p>\n")
		if source.LastError != nil {
			w.say("<p>", w.t.Page.LastError, ": ")
			w.text("", *source.LastError, "</p>\n")
		}
		w.raw("</li>\n")
	})
	w.raw("</ul>\n</details>\n")
}

// addresses writes which addresses there were.
func (w *pageWriter) addresses(h *History) {
	if h == nil {
		return
	}
	w.fold("addresses", w.t.Address.History)
	if len(h.WAN) == 0 {
		w.say("<p>", w.t.Address.NoHistory, "</p>\n")
	}
	w.raw("<ul>\n")
	w.rows(len(h.WAN), "<li>", "</li>\n", func(i int) {
		w.raw("<li>")
		w.time(h.WAN[i].At)
		if h.WAN[i].Address != nil {
			w.text(" <code>", h.WAN[i].Address.String(), "</code></li>\n")
			return
		}
		w.text(" ", h.WAN[i].Family, ": ")
		w.say("", w.t.Address.NoAddress, "</li>\n")
	})
	w.raw("</ul>\n</details>\n")
}

// records writes the records that are kept.
func (w *pageWriter) records(list []Record) {
	if len(list) == 0 {
		return
	}
	t := &w.t.Address
	w.say("<h3>", t.Records, "</h3>\n<ul class=\"things\">\n")
	w.rows(len(list), "<li>", "</li>\n", func(i int) {
		r := list[i]
		w.say("<li>\n<h4>", t.Record, "</h4>\n<dl class=\"facts\">\n", "name", r.Name, "type", r.Type)
		w.item(t.Published, func() { w.addr(r.Published, r.PublishedState) })
		w.item(t.Desired, func() { w.addr(r.Desired, r.DesiredState) })
		w.words(t.Phase, r.Phase)
		w.words(t.Provider, &r.Provider)
		w.moment(t.VerifiedAt, r.VerifiedAt)
		w.moment(t.ChangedAt, r.ChangedAt)
		w.moment(t.WrongSince, r.WrongSince)
		w.moment(t.NextAttempt, r.NextAttemptAt)
		w.words(w.t.Page.LastError, r.LastError)
		w.raw("</dl>\n")
		if r.Intercepted {
			w.say("<p>", t.Intercepted, "</p>\n")
		}
		w.raw("</li>\n")
	})
	w.raw("</ul>\n")
}

// number is n as the page writes it.
func number[N ~int | ~int64 | ~uint64](n N) string { return strconv.FormatUint(uint64(max(n, 0)), 10) }
