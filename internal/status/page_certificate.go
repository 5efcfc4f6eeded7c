package status

// The page's section of the certificate that edgeguard keeps: what is held, until
// when, and whether it is served.

import (
	"fmt"
	"strings"

	"github.com/edgeguard/edgeguard/internal/cert"
)

func (w *pageWriter) kept(k *Kept) {
	if k == nil || k.Mode == string(cert.None) {
		return
	}
	t := &w.t.Kept
	w.section("certificate", t.Title)
	if k.Mode == string(cert.OwnCA) {
		w.say("<p>", t.OwnCA, ` <a href="`+authoritiesPath+`">`)
		w.say("", t.ToDevice, "</a></p>\n")
	} else {
		w.say("<p>", t.ACME, "</p>\n")
	}
	w.raw(`<dl class="facts">` + "\n")
	if k.Phase != nil {
		w.item(t.Phase, func() { w.text("", t.PhaseText(*k.Phase), "") })
	}
	w.item(t.Names, func() { w.list(k.Names) })
	w.words(t.Error, k.LastError)
	w.moment(t.NextAttempt, k.NextAttemptAt)
	w.held(k)
	w.code(t.Folder, k.Directory)
	w.moment(t.Written, k.WrittenAt)
	w.moment(t.Reloaded, k.ReloadedAt)
	w.rows(len(k.Serving), "<dt></dt><dd>", "</dd>\n", func(i int) { w.serving(k.Serving[i]) })
	w.raw("</dl>\n</section>\n")
}

// held writes the certificate itself, and when it is renewed.
func (w *pageWriter) held(k *Kept) {
	t, s := &w.t.Kept, &w.t.Service
	h := k.Held
	if h == nil {
		w.item(w.t.Service.Certificate, func() { w.say("", t.None, "") })
		return
	}
	w.words(t.Held, h.Issuer)
	if h.NotAfter != nil {
		w.item(s.Valid, func() {
			w.say("", s.Until, "", "time", func() { w.time(*h.NotAfter) }, "left", w.left(*h.NotAfter))
			if h.NotBefore != nil {
				w.say(", ", s.From, "", "time", func() { w.time(*h.NotBefore) })
			}
		})
	}
	if at := k.NextRenewalAt; at != nil && k.RenewalReason != nil {
		w.item(t.Renewal, func() { w.say("", t.Reason, "", "time", func() { w.time(*at) }, "why", *k.RenewalReason) })
	} else {
		w.moment(t.Renewal, at)
	}
	w.words(s.Key, h.Key)
	w.code(t.Serial, h.Serial)
	w.code(t.SHA256, h.SHA256)
	w.code(s.Pin, h.SPKISHA256)
	w.code(s.Tasmota, h.TasmotaFingerprint)
}

func (w *pageWriter) serving(s Serving) {
	t := &w.t.Kept
	says := t.ServingUnknown
	switch s.State {
	case string(cert.ServingYes):
		says = t.ServingYes
	case string(cert.ServingNo):
		says = t.ServingNo
	}
	w.item(t.Serving, func() {
		w.say("", says, "")
		if s.At != nil {
			w.raw(", ")
			w.time(*s.At)
		}
	}, "name", s.Service)
}

// details are a line on what is held, one on what failed, and one for each
// service.
func (k *Kept) details() (list []detail) {
	say := func(label, format string, a ...any) {
		list = append(list, detail{linkCertificate, label, fmt.Sprintf(format, a...)})
	}
	if h := k.Held; h != nil {
		text := "a certificate"
		if h.Issuer != nil {
			text += " by " + *h.Issuer
		}
		if h.NotAfter != nil {
			text += " until " + readable(*h.NotAfter)
		}
		if k.NextRenewalAt != nil {
			text += ", to be renewed at " + readable(*k.NextRenewalAt)
		}
		if k.RenewalReason != nil {
			text += " (" + *k.RenewalReason + ")"
		}
		say("held", "%s", text)
	}
	if k.LastError != nil {
		text := *k.LastError
		if k.NextAttemptAt != nil {
			text = strings.TrimSuffix(text, ".") + "; tried again at " + readable(*k.NextAttemptAt)
		}
		say("failed", "%s", text)
	}
	words := map[string]string{string(cert.ServingYes): "serves it", string(cert.ServingNo): "serves another one"}
	for _, s := range k.Serving {
		word, ok := words[s.State]
		if !ok {
			word = "is not known to serve it yet"
		}
		say("served", "%s %s", s.Service, word)
	}
	return list
}
