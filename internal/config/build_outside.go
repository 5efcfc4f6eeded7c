package config

// [outside]: the checker on the Internet.

import (
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/hairpin/checker"
)

// defaultCheck is how often the checker is asked, and leastCheck the most often:
// it is somebody's.
const (
	defaultCheck = 3600
	leastCheck   = 600
	mostCheck    = 604800
	maxExpect    = 256 // bytes
)

// outside reads [outside].
func (b *builder) outside(raw rawOutside, c *Config) {
	at := raw.CheckURL.at
	switch {
	case raw.CheckURLFile.given:
		at = raw.CheckURLFile.at
	case !raw.CheckURL.given:
		for _, t := range []struct {
			given bool
			at    origin
		}{{raw.Expect.given, raw.Expect.at}, {raw.IntervalSeconds.given, raw.IntervalSeconds.at}} {
			if t.given {
				b.fail(t.at, "there is no checker that this is for; write its check_url, or take this out")
			}
		}
		return
	}
	c.Outside.URL = b.secret(secretKeys{inline: raw.CheckURL, file: raw.CheckURLFile, key: "check_url", noun: "URL", what: "the checker's URL", head: origin{at.file, at.line, "outside"}})
	if !c.Outside.URL.IsZero() {
		b.secrets = append(b.secrets, checker.Secrets(c.Outside.URL)...)
		if err := checker.CheckURL(c.Outside.URL); err != nil {
			b.fail(at, "%v", err)
		} else if checker.Plain(c.Outside.URL) {
			b.warn(at, "this URL is asked unencrypted, so whoever is on the way can answer in the checker's place; write https:// where it has it")
		}
	}
	if t := raw.Expect; t.ok {
		c.Outside.Expect = b.plainText(t)
		if len(c.Outside.Expect) > maxExpect {
			b.fail(t.at, "longer than %d bytes; write a few words of what the answer holds where the port is open", maxExpect)
		}
	}
	c.Outside.Interval = time.Duration(b.number(raw.IntervalSeconds, defaultCheck, leastCheck, mostCheck, "seconds")) * time.Second
}

// outsidePorts are the ports that a checker is asked about.
func outsidePorts(c *Config) (ports []checker.Port) {
	hosts := map[string]string{}
	for _, s := range c.Services {
		if len(s.Names) > 0 {
			hosts[s.Name] = s.Names[0]
		}
	}
	for _, f := range c.Portmap.Forwards {
		if f.Protocol == fact.TCP {
			ports = append(ports, checker.Port{Service: f.Service, Host: hosts[f.Service], External: f.ExternalPort})
		}
	}
	return ports
}
