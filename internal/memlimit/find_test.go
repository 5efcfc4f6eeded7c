package memlimit_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/memlimit"
)

// The lines of /proc/self/mountinfo that the cases are made of.
const (
	rootMount   = "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"
	unified     = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
	hybrid      = "30 23 0:26 / /sys/fs/cgroup/unified rw shared:9 - cgroup2 cgroup2 rw\n"
	v1CPU       = "31 23 0:27 / /sys/fs/cgroup/cpu rw shared:10 - cgroup cgroup rw,cpu,cpuacct\n"
	v1Memory    = "32 23 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
	v1Container = "833 830 0:28 /docker/c0ffee /sys/fs/cgroup/memory ro,nosuid master:20 - cgroup cgroup rw,memory\n"
	withSpace   = "32 23 0:28 / /odd\\040place rw - cgroup cgroup rw,memory\n"
)

func TestFind(t *testing.T) {
	const none1 = "9223372036854771712\n" // what version 1 writes for no limit
	cases := []struct {
		name           string
		groups, mounts string
		files          map[string]string
		bytes          int64
		file           string
		err            string
	}{
		{name: "no control groups at all"},
		{
			name: "version 2, in a container", groups: "0::/\n", mounts: rootMount + unified,
			files: map[string]string{"sys/fs/cgroup/memory.max": "67108864\n", "sys/fs/cgroup/memory.high": "max\n"},
			bytes: 64 << 20, file: "sys/fs/cgroup/memory.max",
		},
		{
			name: "version 2, memory.high is less", groups: "0::/\n", mounts: unified,
			files: map[string]string{"sys/fs/cgroup/memory.max": "67108864\n", "sys/fs/cgroup/memory.high": "50331648\n"},
			bytes: 48 << 20, file: "sys/fs/cgroup/memory.high",
		},
		{
			name: "version 2, a group above has less", groups: "0::/system.slice/edgeguard.service\n", mounts: unified,
			files: map[string]string{
				"sys/fs/cgroup/system.slice/edgeguard.service/memory.max": "134217728\n",
				"sys/fs/cgroup/system.slice/memory.max":                   "67108864\n",
			},
			bytes: 64 << 20, file: "sys/fs/cgroup/system.slice/memory.max",
		},
		{
			name: "version 2, a group above has more", groups: "0::/system.slice/edgeguard.service\n", mounts: unified,
			files: map[string]string{
				"sys/fs/cgroup/system.slice/edgeguard.service/memory.max": "134217728\n",
				"sys/fs/cgroup/system.slice/memory.max":                   "268435456\n",
			},
			bytes: 128 << 20, file: "sys/fs/cgroup/system.slice/edgeguard.service/memory.max",
		},
		{
			name: "version 2, no limit", groups: "0::/user.slice\n", mounts: unified,
			files: map[string]string{"sys/fs/cgroup/user.slice/memory.max": "max\n"},
		},
		{
			name: "version 1, in a container that sees the host's names", groups: "3:cpuset:/docker/c0ffee\n4:memory:/docker/c0ffee\n",
			mounts: v1Container, files: map[string]string{"sys/fs/cgroup/memory/memory.limit_in_bytes": "134217728\n"},
			bytes: 128 << 20, file: "sys/fs/cgroup/memory/memory.limit_in_bytes",
		},
		{
			name: "version 1, on the host", groups: "4:memory,hugetlb:/a:b/c\n1:name=systemd:/\n", mounts: v1CPU + v1Memory,
			files: map[string]string{
				"sys/fs/cgroup/memory/memory.limit_in_bytes":       none1,
				"sys/fs/cgroup/memory/a:b/memory.limit_in_bytes":   none1,
				"sys/fs/cgroup/memory/a:b/c/memory.limit_in_bytes": "100000000\n",
			},
			bytes: 100000000, file: "sys/fs/cgroup/memory/a:b/c/memory.limit_in_bytes",
		},
		{
			name: "version 1, no limit", groups: "4:memory:/\n", mounts: v1Memory,
			files: map[string]string{"sys/fs/cgroup/memory/memory.limit_in_bytes": none1},
		},
		{
			name: "both versions, memory is in version 1", groups: "4:memory:/x\n0::/x\n", mounts: hybrid + v1Memory,
			files: map[string]string{"sys/fs/cgroup/memory/x/memory.limit_in_bytes": "50000000\n"},
			bytes: 50000000, file: "sys/fs/cgroup/memory/x/memory.limit_in_bytes",
		},
		{
			name: "another container's group is none of ours", groups: "4:memory:/docker/beef\n", mounts: v1Container,
			files: map[string]string{"sys/fs/cgroup/memory/memory.limit_in_bytes": "1000000\n"},
		},
		{
			name: "a group outside of what is seen", groups: "0::/../../other\n", mounts: unified,
			files: map[string]string{"sys/fs/cgroup/memory.max": "67108864\n", "other/memory.max": "1\n"},
			bytes: 64 << 20, file: "sys/fs/cgroup/memory.max",
		},
		{
			name: "a mount with a space in its name", groups: "4:memory:/\n", mounts: withSpace,
			files: map[string]string{"odd place/memory.limit_in_bytes": "67108864\n"},
			bytes: 64 << 20, file: "odd place/memory.limit_in_bytes",
		},
		{
			name: "one file cannot be understood, the other counts", groups: "0::/a\n", mounts: unified,
			files: map[string]string{"sys/fs/cgroup/a/memory.max": "lots\n", "sys/fs/cgroup/memory.max": "67108864\n"},
			bytes: 64 << 20, file: "sys/fs/cgroup/memory.max", err: `"lots" is no memory limit`,
		},
		{
			name: "a file without end", groups: "0::/\n", mounts: unified,
			files: map[string]string{"sys/fs/cgroup/memory.max": strings.Repeat("1", 1000)}, err: "larger than",
		},
		{
			name: "mounts without end", groups: "0::/\n", mounts: strings.Repeat(rootMount, 100_000), err: "larger than",
		},
		{
			name: "groups without end", groups: "0::" + strings.Repeat("/a", 100) + "\n", mounts: unified,
			files: map[string]string{"sys/fs/cgroup/memory.max": "67108864\n"}, err: "more than 64",
		},
		{name: "no mounts can be seen", groups: "0::/\n", err: "mountinfo"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			write(t, root, "proc/self/cgroup", c.groups)
			write(t, root, "proc/self/mountinfo", c.mounts)
			for name, text := range c.files {
				write(t, root, name, text)
			}
			got, err := memlimit.Find(root)
			want := memlimit.Limit{Bytes: c.bytes}
			if c.file != "" {
				want.File = filepath.Join(root, c.file)
			}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("got error %v, want %q", err, c.err)
			}
		})
	}
}

// write writes a file below root; none where text is empty.
func write(t *testing.T, root, name, text string) {
	t.Helper()
	if text == "" {
		return
	}
	file := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
