package router

import (
	"context"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/router/ssdp"
)

// ShortenWindow makes a search that finds nothing end after d, and one that
// finds something end soon after.
func (r *Router) ShortenWindow(d time.Duration) { r.timing.window, r.timing.settle = d, d/30 }

// ShortenCycle bounds a search with all that follows it by d.
func (r *Router) ShortenCycle(d time.Duration) { r.timing.cycle = d }

// ShortenMemory makes a failed search stand for new ones for d.
func (r *Router) ShortenMemory(d time.Duration) { r.timing.memory = d }

// RecheckAlways searches for a known router before every call.
func (r *Router) RecheckAlways() { r.timing.recheck = 0 }

// HearAnnouncement takes a datagram as if the gateway had sent it to all hosts.
func (r *Router) HearAnnouncement(packet []byte) { r.hearAnnouncement(packet) }

// HearSSDP returns what takes datagrams at one place.
func (r *Router) HearSSDP(gateway netip.Addr) func(packet []byte) {
	presence := new(ssdp.Presence)
	return func(packet []byte) { r.hearSSDP(presence, gateway, packet) }
}

// ControlPort makes NAT-PMP and PCP go to a port, with so many tries.
func (r *Router) ControlPort(port uint16, tries int) { r.timing.control, r.timing.tries = port, tries }

// SecondPort makes searches for a second router go to a port.
func (r *Router) SecondPort(port uint16, window time.Duration) {
	r.timing.second, r.timing.window2 = port, window
}

// ForgetSilence is how a test passes the time until a router is asked again.
func (r *Router) ForgetSilence() { clear(r.silent) }

// SecondTargets is tried on its own.
var SecondTargets = secondTargets

// Give gives a hint, and RunHints publishes those that wait.
func (r *Router) Give(kind string) { r.hints.give(kind) }

// RunHints is that part of Run.
func (r *Router) RunHints(ctx context.Context) { r.hints.run(ctx) }

// ExpireEcho is how a test passes the time in which events may be an echo.
func (r *Router) ExpireEcho() { r.echo.Store(0) }

// ForgetEpochs is what a new gateway does.
func (r *Router) ForgetEpochs() { r.forgetEpochs() }

// ExpireRecheck makes it time to search for the known router again.
func (r *Router) ExpireRecheck() {
	r.turn <- struct{}{}
	r.where.checked = time.Time{}
	<-r.turn
}

// Links gives r other interfaces than this host's.
func (r *Router) Links(links func() ([]ssdp.Link, error)) { r.links = links }

// Survey looks for neighbours now, for d.
func (r *Router) Survey(ctx context.Context, d time.Duration) error {
	r.timing.surveyWindow = d
	return r.survey(ctx)
}

// SurveyAfter makes Run look for neighbours after d, for as long.
func (r *Router) SurveyAfter(d time.Duration) { r.timing.survey, r.timing.surveyWindow = d, d }

// Plan is a search as it would be made.
func (r *Router) Plan(gateway, local netip.Addr) ssdp.Search { return r.plan(gateway, local) }

// TableTime bounds the reading of a table by d.
func (r *Router) TableTime(d time.Duration) { r.timing.table = d }

// IsBridged is what the status would say.
func (r *Router) IsBridged() bool { return r.near.bridged }

// Advice is tried on its own.
var Advice = advice

// BePatient makes searches that find nothing end after a long time.
func (r *Router) BePatient() { r.timing.window, r.timing.settle = 10*time.Second, 10*time.Millisecond }

// Settled reports whether no suspicion stands.
func (r *Router) Settled() bool { return r.pending() == nil }
