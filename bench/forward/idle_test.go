//go:build linux

package forward

// What daemons cost that have nothing to do.

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// idlers are those who are looked at, all in the same time behind the same
// router.
var idlers = []struct {
	keptAs
	label string
}{
	{keptAs{name: "usual", quiet: true}, "asked by UPnP-IGD and NAT-PMP, as it comes"},
	{keptAs{name: "off", quiet: true, off: true}, "the same, `[portmap] enabled = false`"},
	{keptAs{name: "deaf", quiet: true, deaf: true}, "the same, everything unasked blocked"},
	{keptAs{name: "igd", quiet: true, near: `"igd"`}, "asked by UPnP-IGD alone"},
	{keptAs{name: "igddeaf", quiet: true, near: `"igd"`, deaf: true}, "the same, everything unasked blocked"},
}

// used is what one has cost.
type used struct {
	cpu     time.Duration
	traffic amounts
}

func idleTable(t *testing.T) string {
	var all []keptAs
	for _, i := range idlers {
		all = append(all, i.keptAs)
	}
	r := newRig(t, all...)
	progress("%d daemons have nothing to do for %v, after %v", len(all), *idle, settle)
	time.Sleep(settle)
	before, began := r.used(t), time.Now()
	time.Sleep(*idle)
	after := r.used(t)
	return idleText(before, after, time.Since(began))
}

// used is what each has cost so far.
func (r *rig) used(t *testing.T) map[string]used {
	t.Helper()
	traffic := r.traffic(t)
	all := map[string]used{}
	for _, k := range r.kept {
		cpu, err := k.cpu()
		if err != nil {
			t.Fatal(err)
		}
		all[k.name] = used{cpu, traffic[k.name]}
	}
	return all
}

func idleText(before, after map[string]used, took time.Duration) string {
	var b strings.Builder
	scaled := "measured"
	if took < 59*time.Minute {
		scaled = fmt.Sprintf("scaled from %.1f minutes to an hour", took.Minutes())
	}
	fmt.Fprintf(&b, "\nWhat idleness costs, over %.1f minutes; processor time %s\n\n"+
		"| | processor, s an hour | to and from the router, KiB a minute | TCP (SOAP, GENA) | SSDP | NAT-PMP | other | beside it: DNS | the public address |\n"+
		"|-|-|-|-|-|-|-|-|-|\n", took.Minutes(), scaled)
	rate := func(octets int64) string { return fmt.Sprintf("%.2f", float64(octets)/1024/took.Minutes()) }
	for _, i := range idlers {
		cpu := after[i.name].cpu - before[i.name].cpu
		traffic := after[i.name].traffic.less(before[i.name].traffic)
		fmt.Fprintf(&b, "| %s | %.2f | %s |", i.label, cpu.Seconds()/took.Hours(), rate(traffic.upkeep()))
		for _, kind := range kinds {
			fmt.Fprintf(&b, " %s |", rate(traffic[kind].wire()))
		}
		b.WriteString("\n")
	}
	return b.String()
}
