package main

// How much memory the daemon takes.

import (
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"strconv"

	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/memlimit"
)

// memoryBudget is how much the daemon may take. It is immutable.
type memoryBudget struct {
	plan memlimit.Plan
	err  error // from finding the container's limit
}

// limitMemory has the garbage collector go by the container's limit. It comes
// before anything makes garbage.
func limitMemory() memoryBudget {
	limit, err := memlimit.Find("/")
	plan := memlimit.Choose(limit, os.LookupEnv, debug.SetMemoryLimit(-1))
	plan.Apply(0)
	return memoryBudget{plan, err}
}

// log says what was chosen, and why.
func (m memoryBudget) log(log *slog.Logger) {
	if m.err != nil {
		log.Warn("the container's memory limit could not be read, so there may be a smaller one, at which this would be killed; set GOMEMLIMIT to some 16 MiB less than the limit", "err", m.err)
	}
	if warning := m.plan.TooSmall(); warning != "" {
		log.Warn("memory", "warning", warning)
	}
	amount := func(bytes int64) string {
		if bytes == 0 {
			return "none"
		}
		return memlimit.Words(bytes)
	}
	gogc := os.Getenv("GOGC")
	if m.plan.Percent > 0 {
		gogc = strconv.Itoa(m.plan.Percent)
	}
	log.Info("memory", "container_limit", amount(m.plan.Container.Bytes), "read_from", m.plan.Container.File,
		"gomemlimit", amount(m.plan.Memory), "gomemlimit_by_user", m.plan.OwnMemory, "gogc", gogc, "gogc_by_user", m.plan.Percent == 0)
}

// fit makes what a config loads fit: fewer questions wait for upstream at a
// time, and the cache is smaller, which is worth a warning.
func (m memoryBudget) fit(load func() (*config.Config, error)) func() (*config.Config, error) {
	return func() (*config.Config, error) {
		cfg, err := load()
		if err != nil {
			return nil, err
		}
		fitted := *cfg
		fitted.DNS.Workers = m.plan.Questions()
		var warning string
		if fitted.DNS.CacheBytes, warning = m.plan.FitCache(cfg.DNS.CacheBytes); warning != "" {
			fitted.Warnings = append(slices.Clone(cfg.Warnings), "dns.cache_bytes: "+warning)
		}
		m.plan.Apply(fitted.DNS.CacheBytes)
		return &fitted, nil
	}
}
