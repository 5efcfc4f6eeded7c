package config

// From the raw file to the Config: the parts in their order, and what they
// share.

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
)

// The defaults, as docs/configuration.md gives them.
const (
	defaultStateDir     = "/data"
	defaultLease        = 3600
	defaultRelayMost    = 256
	defaultRelaySource  = 32
	defaultRelayIdle    = 3600
	defaultCacheBytes   = 8 << 20
	defaultTTL          = 60
	defaultStatusListen = ":8053"
)

var (
	defaultSources     = []string{"igd", "natpmp", "https://api.ipify.org", "https://ipv4.icanhazip.com", "dns:opendns", "stun:stun.l.google.com:19302"}
	defaultSourcesIPv6 = []string{"https://api6.ipify.org", "https://ipv6.icanhazip.com"}
	defaultDNSListen   = []string{"lan:53"}
)

// builder makes one Config. Its report gathers what is wrong on the way.
type builder struct {
	report
	readFile ReadFile
	file     string
	// inlineTokensExposed is set where everybody can read the config file.
	inlineTokensExposed bool
	// tableOf is which [[ddns]] each of the records is from.
	tableOf []int
	// named and external are the names and the external ports that services
	// and forwards have taken so far.
	named    map[string]taken
	external map[externalKey]taken
}

// build checks everything, however much is wrong already. The Config is of use
// only where nothing was reported.
func (b *builder) build(raw *rawFile) *Config {
	b.named, b.external = map[string]taken{}, map[externalKey]taken{}
	c := &Config{StateDir: b.stateDir(raw.StateDir)}
	b.services(raw.Service, c)
	b.ddns(raw.DDNS, c)
	b.names(raw, c)
	b.hosts(raw.DDNS, c)
	b.sources(raw.WAN, c)
	b.lan(raw.LAN, c)
	b.routerEvents(raw.WAN, c)
	b.portmap(raw.Portmap, c)
	b.dns(raw.DNS, c)
	b.forwards(raw.DNS, c)
	b.answers(raw.DNS, c)
	b.records(raw.DNS.Record, c)
	b.certificates(raw.Certificate, c)
	c.Status.Listen = b.listen(raw.Status.Listen, defaultStatusListen)
	b.notify(raw.Notify, c)
	b.push(raw.Push, c)
	b.outside(raw.Outside, c)
	b.log(raw.Log, c)
	*c = *c.Located(nil)
	b.exposed(c)
	b.relayPorts(c)
	c.DDNS.Resolvers = plainServers(c.Upstream)
	c.DDNS.StateFile = filepath.Join(c.StateDir, "ddns.json")
	c.Portmap.StateFile = filepath.Join(c.StateDir, "portmap.json")
	c.Notify.StateFile = filepath.Join(c.StateDir, "notify.json")
	return c
}

func (b *builder) stateDir(t text) string {
	switch {
	case !t.given:
		return defaultStateDir
	case t.ok && strings.TrimSpace(t.v) == "":
		b.fail(t.at, "empty; write the path of a folder that outlives a restart, or leave the key out for %s", defaultStateDir)
	}
	return resolve(t.at, t.v)
}

// log reads [log].
func (b *builder) log(raw rawLog, c *Config) {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	c.Log.Level = levels[b.word(raw.Level, "info", []string{"debug", "info", "warn", "error"}, nil)]
	c.Log.Format = b.word(raw.Format, FormatAuto, []string{FormatText, FormatJSON, FormatAuto}, nil)
}

// flag returns the value, or what stands for it where it was not given.
func (b *builder) flag(t boolean, absent bool) bool {
	if t.ok {
		return t.v
	}
	return absent
}

// number returns the value within its bounds, or absent.
func (b *builder) number(t integer, absent, least, most int64, unit string) int64 {
	switch {
	case !t.ok:
		return absent
	case t.v < least || t.v > most:
		b.fail(t.at, "%d is not from %d to %d (%s); the default is %d", t.v, least, most, unit, absent)
		return absent
	}
	return t.v
}

// word returns the value where it is one of words. Those of later are known to
// be coming.
func (b *builder) word(t text, absent string, words, later []string) string {
	switch {
	case !t.ok || slices.Contains(words, t.v):
	case slices.Contains(later, t.v):
		b.fail(t.at, "%q is not available in this version; write %s, or leave the key out", t.v, choice(words))
	default:
		near := nearest(t.v, words)
		if near != "" && len(words) > 1 {
			near = fmt.Sprintf("did you mean %q? Write ", near)
		} else {
			near = "write "
		}
		b.fail(t.at, "%s is not known here; %s%s", show(t.v), near, choice(words))
	}
	if t.ok {
		return t.v
	}
	return absent
}

// list returns the values, or the defaults where none were given. An empty
// list is a mistake.
func (b *builder) list(t texts, absent []string) []text {
	if !t.given {
		var list []text
		for _, v := range absent {
			list = append(list, text{v: v, given: true, ok: true})
		}
		return list
	}
	if t.ok && len(t.v) == 0 {
		b.fail(t.at, `empty; write at least one, or leave the key out for the default ["%s"]`, strings.Join(absent, `", "`))
	}
	return t.v
}

// choice lists words for people: "a", "b" or "c".
func choice(words []string) string {
	var s strings.Builder
	for i, w := range words {
		switch {
		case i > 0 && i == len(words)-1:
			s.WriteString(" or ")
		case i > 0:
			s.WriteString(", ")
		}
		s.WriteString(`"` + w + `"`)
	}
	return s.String()
}
