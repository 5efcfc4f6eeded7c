//go:build linux

package forward

// How it is told.

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
	"golang.org/x/sys/unix"
)

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// spread is the line of a table with median, least and most.
func spread(label string, took []time.Duration, missed int) string {
	d := slices.Sorted(slices.Values(took))
	if len(d) == 0 {
		return fmt.Sprintf("| %s | – | – | – | %d |\n", label, missed)
	}
	median := (d[(len(d)-1)/2] + d[len(d)/2]) / 2
	return fmt.Sprintf("| %s | %s | %s | %s | %d |\n", label, seconds(median), seconds(d[0]), seconds(d[len(d)-1]), missed)
}

// conditions are what belongs to the figures, as a list.
func conditions(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	item := func(format string, a ...any) { fmt.Fprintf(&b, "- "+format+"\n", a...) }
	tree := os.Getenv(lab.SourceEnv)
	commit := "a tree that git does not know"
	if out, err := exec.Command("git", "-C", tree, "describe", "--always", "--dirty").Output(); err == nil {
		commit = "commit " + strings.TrimSpace(string(out))
	}
	item("%s, %s", time.Now().UTC().Format("2006-01-02 15:04 UTC"), commit)
	var kernel unix.Utsname
	if err := unix.Uname(&kernel); err != nil {
		t.Fatal(err)
	}
	item("%s, %d cores, Linux %s, %s", processor(), runtime.NumCPU(), unix.ByteSliceToString(kernel.Release[:]), runtime.Version())
	load, _ := os.ReadFile("/proc/loadavg") // it may be missing
	first, _, _ := strings.Cut(string(load), " ")
	item("the load of the last minute before the start: %s", first)
	if out, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", "miniupnpd-nftables").Output(); err == nil {
		item("miniupnpd %s", out)
	}
	item("`bench/forward/run%s`", given())
	return b.String()
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // it may say nothing
	_, name, _ := strings.Cut(string(text), "model name\t: ")
	name, _, _ = strings.Cut(name, "\n")
	if name == "" {
		return runtime.GOARCH
	}
	return name
}

// given are the flags of a person's.
func given() string {
	_, after, _ := strings.Cut(strings.Join(os.Args[1:], " "), "-figures")
	return after
}
