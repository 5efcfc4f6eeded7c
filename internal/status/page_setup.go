package status

// The page's section of the clients: what the snapshot knows of a broker, and
// how clients are set up for it.

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/status/setup"
)

// setups writes how clients are set up for each service of this home.
func (w *pageWriter) setups(s *Snapshot) {
	t := &w.t.Setup
	w.section("setup", t.Title)
	if s.Status == fact.VerdictFail {
		w.say("<p>", t.NotReady, "</p>\n")
	}
	known := 0
	for _, service := range first(s.Services, maxRows) {
		if broker, ok := brokerOf(s, service); ok && known < maxSetups {
			w.setup(service.Name, broker, known)
			known++
		}
	}
	if known == 0 {
		w.say("<p>", t.NoName, "</p>\n")
	}
	w.say(`<p class="quiet"><a href="`+authoritiesPath+`">`, w.t.Authorities.Link, "</a></p>\n")
	w.raw("</section>\n")
}

// maxSetups is for how many services clients are explained.
const maxSetups = 4

func (w *pageWriter) setup(service string, b setup.Broker, i int) {
	t := &w.t.Setup
	w.say("<h3>", t.Broker, "</h3>\n", "name", service)
	w.raw(`<dl class="facts">` + "\n")
	w.item(t.Host, func() { w.text("<code>", b.Host, "</code>") })
	w.item(t.Port, func() { w.text("<code>", number(int(b.Port)), "</code>") })
	w.item(t.CA, func() { w.text("", b.CA(w.t), "") })
	w.say("</dl>\n<p class=\"action\">", t.Rule, "</p>\n<p>", "host", func() { w.text("<code>", b.Host, "</code>") })
	w.say("", t.Intro, "</p>\n")
	for _, c := range setup.Clients(b, w.t) {
		w.fold("setup-"+number(i)+"-"+c.ID, "{title}", "title", c.Title)
		w.raw("<ol>\n")
		for _, step := range c.Steps {
			w.step(step)
		}
		w.raw("</ol>\n</details>\n")
	}
}

func (w *pageWriter) step(step setup.Step) {
	w.text("<li><p>", step.Text, "</p>\n")
	if len(step.Fields) > 0 {
		w.raw(`<dl class="facts fields">` + "\n")
		for _, f := range step.Fields {
			w.item("{field}", func() { w.text("<code>", f.Value, "</code>") }, "field", f.Name)
		}
		w.raw("</dl>\n")
	}
	if len(step.Commands) > 0 {
		w.raw("<pre><code>")
		for _, line := range step.Commands {
			w.text("", line, "\n")
		}
		w.raw("</code></pre>\n")
	}
	w.raw("</li>\n")
}

// brokerOf is what is known of a service for those who set up clients; false
// where there is no name to dial yet.
func brokerOf(s *Snapshot, service Service) (setup.Broker, bool) {
	b := setup.Broker{Host: nameToDial(s, service)}
	if service.Address != nil {
		b.Port = service.Address.Port()
	}
	for _, f := range first(s.Forwards, maxListed) {
		if f.Service == service.Name && f.Protocol == string(fact.TCP) {
			b.Port = f.ExternalPort
			break
		}
	}
	if tls := service.TLS; tls != nil {
		b.OldDevices, b.OldDevicesWhy = tls.OldDevices, or(tls.OldDevicesWhy)
	}
	if c := service.Certificate; c != nil {
		b.Root, b.Why, b.Fingerprint = or(c.Root), or(c.Why), or(c.TasmotaFingerprint)
		switch {
		case !c.Trusted:
			b.Trust = setup.TrustOwn
		case knownRoot(b.Root):
			b.Trust = setup.TrustPublic
		}
	}
	return b, b.Host != "" && b.Port != 0
}

// nameToDial is the first name of a service's certificate that is answered in
// the house, or else the first that it has at all, or else a name whose record
// is kept; empty where there is none.
func nameToDial(s *Snapshot, service Service) string {
	var names []string
	if c := service.Certificate; c != nil {
		names = slices.DeleteFunc(slices.Clone(first(c.Names, maxRows)), func(name string) bool {
			_, err := netip.ParseAddr(name)
			return err == nil || strings.HasPrefix(name, "*.")
		})
		if len(names) == 0 && c.Names != nil {
			names = coveredRecords(s.DDNS, c.Names)
		}
	}
	for _, name := range names {
		if slices.ContainsFunc(first(s.DNS.Overrides, maxListed), func(o Override) bool { return strings.EqualFold(o.Name, name) }) {
			return name
		}
	}
	if len(names) > 0 {
		return names[0]
	}
	if service.Certificate == nil && !service.Remote && len(s.DDNS) > 0 {
		return s.DDNS[0].Name
	}
	return ""
}

// coveredRecords are the records' names that a wildcard of the certificate
// covers: one label in place of the star.
func coveredRecords(records []Record, names []string) (list []string) {
	for _, r := range first(records, maxRows) {
		if _, parent, found := strings.Cut(r.Name, "."); found && slices.Contains(first(names, maxRows), "*."+parent) {
			list = append(list, r.Name)
		}
	}
	return list
}

// knownRoots begin the names of authorities that phones, computers and Node-RED
// have known for years and that issue certificates to anybody by a program.
var knownRoots = []string{"ISRG Root X", "GTS Root R", "USERTrust ", "Sectigo Public ", "DigiCert Global Root", "GlobalSign Root", "Buypass Class 2 Root", "SSL.com TLS "}

// knownRoot reports whether an authority is one of those. Only the name of one
// by which a chain has been verified may be asked about.
func knownRoot(name string) bool {
	return slices.ContainsFunc(knownRoots, func(known string) bool { return strings.HasPrefix(name, known) })
}

// first is at most n entries of a list.
func first[T any](list []T, n int) []T { return list[:min(len(list), n)] }

// or is the text, or an empty one where there is none.
func or(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
