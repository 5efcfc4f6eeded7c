package memlimit_test

import (
	"path"
	"strconv"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/memlimit"
)

// Whatever the texts hold, no path leads out of the mount.
func FuzzGroups(f *testing.F) {
	f.Add("4:memory:/docker/c0ffee\n0::/a/../b\n", v1Container+unified+withSpace)
	f.Add("0::/../../x\n", unified)
	f.Add("4:memory,cpu:/docker/c0ffee/../../x\n", v1Container)
	f.Add("4:memory:/a\n", strings.Replace(v1Container, "/docker/c0ffee", "/../..", 1))
	f.Fuzz(func(t *testing.T, groups, mounts string) {
		for _, below := range memlimit.Parse(groups, mounts) {
			if below != path.Clean(below) || !strings.HasPrefix(below, "/") || below == "/.." || strings.HasPrefix(below, "/../") {
				t.Errorf("the group is looked for at %q", below)
			}
		}
	})
}

// A limit is one, none, or an error; and a plain number is itself.
func FuzzLimit(f *testing.F) {
	for _, text := range []string{"max\n", "-1", "0", "67108864\n", "9223372036854771712\n", "18446744073709551615", "1e9", " 5"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		bytes, err := memlimit.ParseLimit(text)
		if bytes < 0 || err != nil && bytes != 0 {
			t.Fatalf("%q gives %d, %v", text, bytes, err)
		}
		if bytes == 0 {
			return
		}
		if n, err := strconv.ParseInt(strings.TrimSuffix(text, "\n"), 10, 64); err != nil || n != bytes {
			t.Errorf("%q gives %d", text, bytes)
		}
	})
}
