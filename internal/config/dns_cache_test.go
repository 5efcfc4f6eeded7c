package config_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/config"
)

func TestKeysOfTheDNSCache(t *testing.T) {
	show := func(c *config.Config) string {
		return fmt.Sprint(c.DNS.CacheMinTTL, c.DNS.CacheMaxTTL, c.DNS.StaleMax, c.DNS.CacheFile)
	}
	day := 24 * time.Hour
	for text, want := range map[string]string{
		"": fmt.Sprint(time.Duration(0), day, day, "/data/dns-cache"),
		"cache_min_ttl_seconds = 60\ncache_max_ttl_seconds = 60\nstale_max_seconds = 3600\n": fmt.Sprint(time.Minute, time.Minute, time.Hour, "/data/dns-cache"),
		"serve_stale = false\ncache_persist = false\n":                                       fmt.Sprint(time.Duration(0), day, time.Duration(-1), ""),
		"cache_bytes = 0\n": fmt.Sprint(time.Duration(0), day, day, ""),
	} {
		if got := show(parse(t, minimal+"[dns]\n"+text, nil)); got != want {
			t.Errorf("%q gives %s, want %s", text, got, want)
		}
	}
	if c := parse(t, "state_dir = \"state\"\n"+minimal, nil); c.DNS.CacheFile != "state/dns-cache" {
		t.Errorf("below another state_dir: %s", c.DNS.CacheFile)
	}
}
