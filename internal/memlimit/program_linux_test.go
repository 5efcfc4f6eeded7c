package memlimit

import (
	"crypto/sha256"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestConstantAreas(t *testing.T) {
	const maps = `00400000-009ae000 r-xp 00000000 fe:00 9986062                            /usr/bin/edge guard
009ae000-00fb3000 r--p 005ae000 fe:00 9986062                            /usr/bin/edge guard
00fb3000-01014000 rw-p 00bb3000 fe:00 9986062                            /usr/bin/edge guard
01014000-03058000 rw-p 00000000 00:00 0 
c000000000-c000800000 r--p 00000000 00:00 0 
7f0000000000-7f0000001000 r-xp 00000000 fe:00 12                         /lib/other/usr/bin/edge guard
7ffd0000-7ffd1000 r-xp 00000000 00:00 0                                  [vdso]
zz-7ffd1000 r-xp 00000000 fe:00 9986062                                  /usr/bin/edge guard
9-8 r-xp 00000000 fe:00 9986062                                          /usr/bin/edge guard
`
	want := []area{{0x400000, 0x9ae000}, {0x9ae000, 0xfb3000}}
	if got := constantAreas(maps, "/usr/bin/edge guard"); !slices.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

// The program goes on as before, and its file is resident to a lesser part.
func TestReleaseProgram(t *testing.T) {
	touch := func() [32]byte { return sha256.Sum256([]byte(strings.Repeat("x", 1<<16))) }
	before := touch()
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	maps, err := readFile("/proc/self/maps", maxText)
	if err != nil {
		t.Fatal(err)
	}
	if len(constantAreas(maps, program)) == 0 {
		t.Fatal("the program's own code is not found")
	}
	if err := ReleaseProgram(); err != nil {
		t.Fatal(err)
	}
	if touch() != before {
		t.Error("the program no longer does what it did")
	}
}

func FuzzConstantAreas(f *testing.F) {
	f.Add("00400000-009ae000 r-xp 00000000 fe:00 1 /p\n", "/p")
	f.Fuzz(func(t *testing.T, maps, program string) {
		for _, a := range constantAreas(maps, program) {
			if a.from >= a.to {
				t.Errorf("area %x", a)
			}
		}
	})
}
