package status

// The page's section of the DNS server.

import (
	"fmt"
	"net/netip"
	"time"
)

func (w *pageWriter) dns(s *Snapshot) {
	t := &w.t.DNS
	w.section("own-dns", t.Title)
	if s.History != nil && s.History.DNS != nil {
		w.plots(s.History.DNS)
	} else {
		w.say("<p>", t.NoPlots, "</p>\n")
	}
	w.raw(`<dl class="facts">` + "\n")
	w.addrPorts(t.Listen, s.DNS.Listen)
	w.addrPorts(t.TLSListen, s.DNS.TLSListen)
	if len(s.DNS.Waiting) > 0 {
		w.item(t.Waiting, func() { w.waiting(s.DNS.Waiting) })
	}
	if q := s.DNS.Queries; q != nil {
		w.item(t.Answers, func() {
			w.say("", t.AnswersText, "", "total", number(q.Total), "override", number(q.Override), "cached", number(q.Cached),
				"forwarded", number(q.Forwarded), "failed", number(q.Failed))
		})
	}
	if c := s.DNS.Cache; c != nil {
		w.item(t.Cache, func() {
			w.say("", t.CacheText, "", "entries", number(c.Entries), "bytes", octets(uint64(max(c.Bytes, 0))), "limit", octets(uint64(max(c.LimitBytes, 0))))
		})
	}
	w.raw("</dl>\n")
	w.overrides(s.DNS.Overrides)
	w.say(`<p class="quiet"><a href="/snippets">`, w.t.Snippets.Link, "</a></p>\n")
	w.upstreams(s.DNS.Upstreams)
	w.clients(&s.DNS)
	w.raw("</section>\n")
}

// addrPorts writes addresses, unless there are none.
func (w *pageWriter) addrPorts(label string, list []netip.AddrPort) {
	if len(list) == 0 {
		return
	}
	w.item(label, func() {
		w.list(each(true, list, netip.AddrPort.String))
	})
}

func (w *pageWriter) waiting(list []Waiting) {
	w.rows(len(list), " ", "", func(i int) {
		why := w.t.Page.NotKnown
		if list[i].Reason != nil {
			why = *list[i].Reason
		}
		w.say("", w.t.DNS.WaitingWhy, ". ", "address", list[i].Address.String(), "why", why)
	})
}

func (w *pageWriter) overrides(list []Override) {
	t := &w.t.DNS
	if list == nil {
		return
	}
	w.say("<h3>", t.Overrides, "</h3>\n")
	if len(list) == 0 {
		w.say("<p>", t.NoOverrides, "</p>\n")
		return
	}
	w.raw(`<ul class="things">` + "\n")
	w.rows(len(list), "<li>", "</li>\n", func(i int) {
		o := list[i]
		w.text("<li><h4>", o.Name, "</h4>\n<p>")
		w.list(append(each(true, o.IPv4, netip.Addr.String), each(true, o.IPv6, netip.Addr.String)...))
		if o.Reason != nil {
			w.text(", ", *o.Reason, "")
		}
		if o.SignedBy != nil {
			w.say(", ", t.Signed, "", "zone", *o.SignedBy)
		}
		w.raw("</p></li>\n")
	})
	w.raw("</ul>\n")
}

func (w *pageWriter) upstreams(list []Upstream) {
	if len(list) == 0 {
		return
	}
	t := &w.t.DNS
	w.say("<h3>", t.Upstreams, "</h3>\n<ul class=\"things\">\n")
	w.rows(len(list), "<li>", "</li>\n", func(i int) {
		u := list[i]
		state, took := t.NotAsked, t.UpstreamNoTime
		if u.Healthy != nil && *u.Healthy {
			state = t.Healthy
		} else if u.Healthy != nil {
			state = t.Broken
		}
		if u.RTTSeconds != nil {
			took = fmt.Sprintf("%d ms", time.Duration(*u.RTTSeconds*float64(time.Second)).Milliseconds())
		}
		w.text("<li><h4>", u.Name, "</h4>\n<p>")
		w.say("", t.UpstreamText, "", "protocol", u.Protocol, "state", state, "time", took, "queries", number(u.Queries), "failures", number(u.Failures))
		if u.PlainFallback {
			w.say("; ", t.PlainFallback, "")
		}
		w.raw("</p>\n")
		if u.LastError != nil {
			w.say("<p>", w.t.Page.LastError, ": ")
			w.text("", *u.LastError, "</p>\n")
		}
		w.raw("</li>\n")
	})
	w.raw("</ul>\n")
}

// clients writes which devices asked lately.
func (w *pageWriter) clients(d *DNS) {
	if d.ClientsSeen == nil {
		return
	}
	t := &w.t.DNS
	w.fold("devices", t.Clients)
	if len(d.ClientsSeen) == 0 {
		w.say("<p>", t.NoClients, "</p>\n")
	}
	if d.ClientsTotal != nil {
		w.say("<p>", t.ClientsMany, "</p>\n", "n", number(*d.ClientsTotal))
	}
	w.raw("<ul>\n")
	w.rows(len(d.ClientsSeen), "<li>", "</li>\n", func(i int) {
		c := d.ClientsSeen[i]
		w.raw("<li>")
		w.addr(c.Address, "")
		w.say(" ", t.ClientText, "</li>\n", "n", number(c.Queries), "time", func() { w.timeOr(c.LastAt, w.t.Page.NotKnown) })
	})
	w.raw("</ul>\n</details>\n")
}
