package config

// [dns]: for how long answers are kept, and where they outlive a restart.

import (
	"path/filepath"
	"time"
)

const (
	defaultMaxTTL   = 86400
	defaultStaleMax = 86400
)

// dnsCache reads the keys of the cache. The state folder is known by then.
func (b *builder) dnsCache(raw rawDNS, c *Config) {
	least := b.number(raw.CacheMinTTL, 0, 0, 3600, "seconds")
	most := b.number(raw.CacheMaxTTL, defaultMaxTTL, 1, 86400, "seconds")
	if least > most {
		b.fail(raw.CacheMinTTL.at, "%d is more than cache_max_ttl_seconds, %d; the least TTL cannot be above the greatest", least, most)
	}
	c.DNS.CacheMinTTL, c.DNS.CacheMaxTTL = time.Duration(least)*time.Second, time.Duration(most)*time.Second
	c.DNS.StaleMax = time.Duration(b.number(raw.StaleMax, defaultStaleMax, 1, 604800, "seconds")) * time.Second
	if !b.flag(raw.ServeStale, true) {
		c.DNS.StaleMax = -1 // in dnsserver 0 is the default
	}
	if b.flag(raw.CachePersist, true) && c.DNS.CacheBytes > 0 {
		c.DNS.CacheFile = filepath.Join(c.StateDir, "dns-cache")
	}
}
