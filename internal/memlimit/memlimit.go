// Package memlimit finds out how much memory the container lets this process
// have, and chooses how hard Go's garbage collector works for it. It is a leaf.
//
// Find reads what the kernel's control groups say; Choose makes a Plan of it;
// Apply puts that in force. Where the user has set GOMEMLIMIT or GOGC, that one
// stays as it is.
package memlimit

// Finding the limit.

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

const (
	// maxText bounds the files that list things: a host with a thousand
	// containers has some 300 KiB of mounts.
	maxText = 2 << 20
	// maxValue bounds a file that holds one number.
	maxValue = 64
	// maxDepth bounds the groups within groups that are looked at.
	maxDepth = 64
)

// Limit is the most memory that a process may have.
type Limit struct {
	// Bytes is zero where there is no limit.
	Bytes int64
	// File is where it stands; empty where there is none.
	File string
}

// Find returns the smallest memory limit among the process's control groups,
// from its own up to the topmost that can be seen, of version 2 (memory.max,
// and memory.high, beyond which the kernel slows a process down to nearly
// nothing) and version 1 (memory.limit_in_bytes, as on Synology DSM 7). Root is
// "/" but in tests. A system without control groups has no limit. With an error
// the Limit is what could be read, and the real one may be less.
func Find(root string) (Limit, error) {
	groups, err := readFile(filepath.Join(root, "proc/self/cgroup"), maxText)
	if errors.Is(err, fs.ErrNotExist) {
		return Limit{}, nil
	}
	if err != nil {
		return Limit{}, err
	}
	mounts, err := readFile(filepath.Join(root, "proc/self/mountinfo"), maxText)
	if err != nil {
		return Limit{}, err
	}
	v1, v2 := ownGroups(groups)
	var least Limit
	var failed []error
	for _, m := range memoryMounts(mounts) {
		own, files := v1, filesV1
		if m.v2 {
			own, files = v2, filesV2
		}
		below, ok := m.locate(own)
		if !ok {
			continue
		}
		found, err := smallest(filepath.Join(root, m.point), below, files)
		failed = append(failed, err)
		if found.Bytes > 0 && (least.Bytes == 0 || found.Bytes < least.Bytes) {
			least = found
		}
	}
	return least, errors.Join(failed...)
}

var (
	filesV1 = []string{"memory.limit_in_bytes"}
	filesV2 = []string{"memory.max", "memory.high"}
)

// smallest returns the smallest limit in files of the folder below, a clean
// absolute path within mount, and of those above it.
func smallest(mount, below string, files []string) (Limit, error) {
	var least Limit
	var failed []error
	for range maxDepth {
		for _, name := range files {
			file := filepath.Join(mount, below, name)
			bytes, err := readLimit(file)
			if err != nil {
				failed = append(failed, err)
			} else if bytes > 0 && (least.Bytes == 0 || bytes < least.Bytes) {
				least = Limit{bytes, file}
			}
		}
		if below == "/" {
			return least, errors.Join(failed...)
		}
		below = path.Dir(below)
	}
	return least, errors.Join(append(failed, fmt.Errorf("%s: more than %d control groups within each other", mount, maxDepth))...)
}

// readLimit returns the limit in a file, 0 where it holds none or is not there:
// the topmost group has no file.
func readLimit(file string) (int64, error) {
	text, err := readFile(file, maxValue)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	bytes, err := parseLimit(text)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", file, err)
	}
	return bytes, nil
}

// readFile returns the text of a file of at most limit octets.
func readFile(file string, limit int64) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var b strings.Builder
	n, err := io.Copy(&b, io.LimitReader(f, limit+1))
	if err == nil && n > limit {
		err = fmt.Errorf("reading %s: it is larger than %d bytes", file, limit)
	}
	return b.String(), err
}
