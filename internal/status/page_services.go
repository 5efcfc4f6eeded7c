package status

// The page's section of the services, their certificates, and how they are
// reached.

import (
	"strconv"
	"time"

	"github.com/edgeguard/edgeguard/internal/status/texts"
)

func (w *pageWriter) services(s *Snapshot) {
	t := &w.t.Service
	if s.Services == nil && s.Outside == nil {
		return
	}
	w.section("services", t.Title)
	if len(s.Services) == 0 {
		w.say("<p>", t.Empty, "</p>\n")
	}
	w.raw(`<ul class="things">` + "\n")
	w.rows(len(s.Services), "<li>", "</li>\n", func(i int) { w.service(s.Services[i]) })
	w.raw("</ul>\n")
	w.loopback(s.Hairpin)
	w.outside(s.Outside)
	w.raw("</section>\n")
}

func (w *pageWriter) service(s Service) {
	t := &w.t.Service
	w.text("<li>\n<h3>", s.Name, "</h3>\n")
	if s.Remote {
		w.say("<p>", t.Remote, "</p>\n")
	}
	w.raw(`<dl class="facts">` + "\n")
	w.words(t.Host, s.Host)
	if s.Address != nil {
		w.item(t.Address, func() { w.text("<code>", s.Address.String(), "</code>") })
	}
	w.yes(t.Answers, s.Reachable, nil)
	if s.TLS != nil {
		w.item(t.TLS, func() { w.text("", s.TLS.Version+", "+s.TLS.Cipher, "") })
		w.yes(t.OldDevices, s.TLS.OldDevices, s.TLS.OldDevicesWhy)
	}
	w.words(t.MQTT, s.MQTT)
	w.words(t.MQTT5, s.MQTT5)
	w.words(w.t.Page.LastError, s.LastError)
	w.raw("</dl>\n")
	if s.Certificate != nil {
		w.certificate(s.Certificate)
	}
	w.raw("</li>\n")
}

func (w *pageWriter) certificate(c *Certificate) {
	t := &w.t.Service
	w.say("<h4>", t.Certificate, "</h4>\n<dl class=\"facts\">\n")
	w.item(t.Names, func() { w.list(c.Names) })
	if c.NotAfter != nil {
		w.item(t.Valid, func() {
			w.say("", t.Until, "", "time", func() { w.time(*c.NotAfter) }, "left", w.left(*c.NotAfter))
			if c.NotBefore != nil {
				w.say(", ", t.From, "", "time", func() { w.time(*c.NotBefore) })
			}
		})
	}
	w.yes(t.Trusted, &c.Trusted, c.Why)
	w.words(t.Issuer, c.Issuer)
	w.words(t.Root, c.Root)
	if c.Complete != nil {
		w.yes(t.Complete, c.Complete, nil)
	}
	w.words(t.Key, c.Key)
	w.code(t.Pin, c.SPKISHA256)
	w.code(t.Tasmota, c.TasmotaFingerprint)
	if c.File != nil {
		w.item(t.File, func() { w.certificateFile(c.File) })
	}
	w.raw("</dl>\n")
}

// certificateFile writes which file is to be served, and whether it is.
func (w *pageWriter) certificateFile(f *CertificateFile) {
	t := &w.t.Service
	w.text("<code>", f.Path, "</code>")
	if f.NotAfter != nil {
		w.say(" ", t.FileUntil, "", "time", func() { w.time(*f.NotAfter) })
	}
	served := t.ServedUnknown
	if f.Served != nil && *f.Served {
		served = t.Served
	} else if f.Served != nil {
		served = t.NotServed
	}
	w.say("; ", served, "")
	if f.LastError != nil {
		w.text("; ", *f.LastError, "")
	}
}

// code writes a label and text to be copied, unless it is nil.
func (w *pageWriter) code(label string, text *string) {
	if text != nil {
		w.item(label, func() { w.text("<code>", *text, "</code>") })
	}
}

// list writes texts one after the other, or that there is none.
func (w *pageWriter) list(all []string) {
	if len(all) == 0 {
		w.say("", w.t.Page.None, "")
		return
	}
	between := markup("")
	w.rows(len(all), ", ", "", func(i int) {
		w.text(between+"<code>", all[i], "</code>")
		between = ", "
	})
}

// left is how many days are left until t.
func (w *pageWriter) left(t time.Time) string {
	switch days := int(t.Sub(w.now) / (24 * time.Hour)); {
	case t.Before(w.now):
		return w.t.Time.Expired
	case days == 0:
		return w.t.Time.ExpiresToday
	case days == 1:
		return w.t.Time.DayLeft
	default:
		return texts.Fill(w.t.Time.DaysLeft, "n", strconv.Itoa(days))
	}
}

// loopback writes what the router does with the public address from inside.
func (w *pageWriter) loopback(h Hairpin) {
	t := &w.t.Service
	w.raw(`<dl class="facts">` + "\n")
	w.item(t.Loopback, func() {
		switch h.Verdict {
		case "yes":
			w.say("", t.LoopbackYes, "")
		case "no":
			w.say("", t.LoopbackNo, "")
		default:
			w.say("", w.t.Page.NotKnown, "")
		}
	})
	if h.SourceSeen != nil {
		w.item(t.SourceSeen, func() { w.text("<code>", h.SourceSeen.String(), "</code>") })
	}
	w.raw("</dl>\n")
}

// outside writes what was seen from the Internet.
func (w *pageWriter) outside(list []OutsideCheck) {
	if len(list) == 0 {
		return
	}
	t := &w.t.Service
	w.say("<h3>", t.Outside, "</h3>\n<ul>\n")
	w.rows(len(list), "<li>", "</li>\n", func(i int) {
		words := map[string]string{"open": t.Open, "closed": t.Closed}
		word, ok := words[list[i].Verdict]
		if !ok {
			word = t.OutsideUnknown
		}
		w.text("<li>", list[i].Service+": "+word, "")
		if list[i].Detail != nil {
			w.text(", ", *list[i].Detail, "")
		}
		if list[i].CheckedAt != nil {
			w.raw(", ")
			w.time(*list[i].CheckedAt)
		}
		w.raw("</li>\n")
	})
	w.raw("</ul>\n")
}
