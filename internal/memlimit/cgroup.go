package memlimit

// The kernel's texts: /proc/self/cgroup, /proc/self/mountinfo, and the files of
// a group (cgroups(7), proc_pid_mountinfo(5)).

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// ownGroups returns the process's own group in the memory hierarchy of version
// 1 and in that of version 2; empty where it is in none.
func ownGroups(text string) (v1, v2 string) {
	for line := range strings.Lines(text) {
		// ID:CONTROLLERS:PATH, where the path may hold colons.
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) != 3 || !strings.HasPrefix(parts[2], "/") {
			continue
		}
		switch {
		case parts[0] == "0" && parts[1] == "":
			v2 = parts[2]
		case slices.Contains(strings.Split(parts[1], ","), "memory"):
			v1 = parts[2]
		}
	}
	return v1, v2
}

// mount is where a hierarchy of groups can be seen.
type mount struct {
	root  string // the group that is seen at point
	point string // the folder
	v2    bool
}

// memoryMounts returns the mounts through which memory limits can be read.
func memoryMounts(text string) []mount {
	var found []mount
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		dash := slices.Index(fields, "-")
		if dash < 6 || len(fields) < dash+4 {
			continue
		}
		m := mount{root: unescape(fields[3]), point: unescape(fields[4])}
		switch fields[dash+1] {
		case "cgroup2":
			m.v2 = true
		case "cgroup":
			if !slices.Contains(strings.Split(fields[dash+3], ","), "memory") {
				continue
			}
		default:
			continue
		}
		if strings.HasPrefix(m.root, "/") && strings.HasPrefix(m.point, "/") {
			found = append(found, m)
		}
	}
	return found
}

// locate returns the path below the mount's point, clean and absolute, at which
// the group own is seen. A group that is not seen there has its limit
// elsewhere, and another group's is none of ours: then it reports false. With a
// container's own view of the groups, what lies above is written as "/..".
func (m mount) locate(own string) (string, bool) {
	switch {
	case own == "":
		return "", false
	case above(m.root):
		return "/", true // of which we are a part, at an unknown place
	case above(own):
		return "/", m.root == "/"
	case m.root == "/":
		return path.Clean(own), true
	case own == m.root:
		return "/", true
	case strings.HasPrefix(own, m.root+"/"):
		return path.Clean(strings.TrimPrefix(own, m.root)), true
	}
	return "", false
}

func above(group string) bool { return group == "/.." || strings.HasPrefix(group, "/../") }

// unescape undoes the octal escapes of mountinfo, of which there are four:
// space, tab, newline and backslash.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace

// unlimited is from where on a number means no limit: version 1 writes the
// largest that fits in pages.
const unlimited = 1 << 60

// parseLimit reads the content of a limit file; 0 means that there is no limit.
func parseLimit(text string) (int64, error) {
	text = strings.TrimSuffix(text, "\n")
	if text == "max" || text == "-1" {
		return 0, nil
	}
	bytes, err := strconv.ParseUint(text, 10, 64)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is no memory limit", text)
	case bytes == 0:
		return 0, errors.New("a memory limit of 0 cannot be meant")
	case bytes >= unlimited:
		return 0, nil
	}
	return int64(bytes), nil
}
