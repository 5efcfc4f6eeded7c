package status

// The page's section of the LAN: which DNS servers its devices are told of.

import "net/netip"

func (w *pageWriter) lan(l *LAN) {
	if l == nil {
		return
	}
	t := &w.t.LAN
	w.section("lan", t.Title)
	w.raw(`<ul class="things">` + "\n")
	if l.DHCP != nil && len(l.DHCP) == 0 {
		w.say("<li>", t.NoDHCP, "</li>\n")
	}
	w.rows(len(l.DHCP), "<li>", "</li>\n", func(i int) { w.dhcp(l.DHCP[i]) })
	if l.Advertisements != nil && len(l.Advertisements) == 0 {
		w.say("<li>", t.NoAdvertised, "</li>\n")
	}
	w.rows(len(l.Advertisements), "<li>", "</li>\n", func(i int) {
		a := l.Advertisements[i]
		w.say("<li><h3>", t.Advertised, "</h3>\n<p>", "address", a.Router.String())
		w.handsOut(a.DNS, a.Ours)
		if a.Other {
			w.say(". ", t.AsksDHCPv6, "")
		}
		w.raw("</p></li>\n")
	})
	w.raw("</ul>\n<dl class=\"facts\">\n")
	if l.ThroughRouter != nil {
		w.item(t.Through, func() { w.list(each(true, l.ThroughRouter, netip.Addr.String)) })
	}
	if len(l.PrivateDNS) > 0 {
		w.item(t.Private, func() {
			w.rows(len(l.PrivateDNS), " ", "", func(i int) {
				w.say("", t.PrivateText, ". ", "address", l.PrivateDNS[i].Address.String(), "server", l.PrivateDNS[i].Server)
			})
		})
	}
	w.moment(t.CheckedAt, l.CheckedAt)
	w.words(w.t.Page.LastError, l.LastError)
	w.raw("</dl>\n</section>\n")
}

func (w *pageWriter) dhcp(d DHCPServer) {
	t := &w.t.LAN
	w.say("<li><h3>", t.DHCP, "</h3>\n<p>", "address", d.Address.String())
	w.handsOut(d.DNS, d.Ours)
	w.raw("</p>\n<dl class=\"facts\">\n")
	if d.Gateway != nil {
		w.item(t.Gateway, func() { w.text("<code>", d.Gateway.String(), "</code>") })
	}
	w.words(t.Domain, d.Domain)
	w.raw("</dl>\n</li>\n")
}

// handsOut writes which DNS servers devices are told of, and whether those are
// us.
func (w *pageWriter) handsOut(dns []netip.Addr, ours bool) {
	t := &w.t.LAN
	w.say("", t.HandsOut, ": ")
	if len(dns) == 0 {
		w.say("", t.NoServers, "")
		return
	}
	w.list(each(true, dns, netip.Addr.String))
	whose := t.OursNo
	if ours {
		whose = t.OursYes
	}
	w.say("; ", whose, "")
}
