package memlimit

// Giving back what of the program's own file only its start has read.

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// ReleaseProgram takes the pages of the program's own file, code and constants,
// out of the process. They stay in the system's cache of files; those that are
// used again come back from there, one fault for some sixteen pages. What only
// the start has used does not, which is more than a megabyte. Nothing that was
// written is touched. It is no error where the kernel shows no such pages.
func ReleaseProgram() error {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("finding the program's own file: %w", err)
	}
	maps, err := readFile("/proc/self/maps", maxText)
	if err != nil {
		return err
	}
	for _, a := range constantAreas(maps, program) {
		// The pages are as in the file, so there is nothing to lose (madvise(2)).
		if _, _, failed := syscall.RawSyscall(syscall.SYS_MADVISE, a.from, a.to-a.from, syscall.MADV_DONTNEED); failed != 0 {
			return fmt.Errorf("giving back the pages of %s: %w", program, failed)
		}
	}
	return nil
}

// area is a piece of the process's memory; to is its first address beyond.
type area struct{ from, to uintptr }

// constantAreas returns the areas that map the file program and that nobody can
// write. An area that could be written may hold what is in no file.
func constantAreas(maps, program string) []area {
	var found []area
	for line := range strings.Lines(maps) {
		// FROM-TO PERMISSIONS OFFSET DEVICE INODE PATH (proc_pid_maps(5))
		fields := strings.Fields(line)
		if len(fields) < 6 || !strings.HasSuffix(strings.TrimSuffix(line, "\n"), " "+program) {
			continue
		}
		if p := fields[1]; len(p) != 4 || p[0] != 'r' || p[1] != '-' {
			continue
		}
		from, to, _ := strings.Cut(fields[0], "-")
		a, errA := strconv.ParseUint(from, 16, strconv.IntSize)
		b, errB := strconv.ParseUint(to, 16, strconv.IntSize)
		if errA == nil && errB == nil && a < b {
			found = append(found, area{uintptr(a), uintptr(b)})
		}
	}
	return found
}
