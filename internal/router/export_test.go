package router

import "time"

// ShortenWindow makes a search that finds nothing end after d, and one that
// finds something end soon after.
func (r *Router) ShortenWindow(d time.Duration) { r.timing.window, r.timing.settle = d, d/30 }

// ShortenCycle bounds a search with all that follows it by d.
func (r *Router) ShortenCycle(d time.Duration) { r.timing.cycle = d }

// ShortenMemory makes a failed search stand for new ones for d.
func (r *Router) ShortenMemory(d time.Duration) { r.timing.memory = d }

// RecheckAlways searches for a known router before every call.
func (r *Router) RecheckAlways() { r.timing.recheck = 0 }
