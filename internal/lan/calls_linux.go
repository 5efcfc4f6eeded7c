package lan

// Calls, from the kernel's tables of sockets.

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// stateEstablished is that of a connection that stands (tcp_states.h).
const stateEstablished = 0x01

// Calls lists the connections to ports of this host that stand now, at most
// 4,096. What a container on a bridge is called is not among them. An error
// means that nothing is known.
func Calls(ports []uint16) ([]Call, error) {
	var list []Call
	read := false
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		file, err := os.Open(table)
		if err != nil {
			continue // IPv6 may be off
		}
		list = callsIn(list, io.LimitReader(file, maxSocketTable), ports)
		read = true
		file.Close()
	}
	if !read {
		return nil, fmt.Errorf("reading the tables of connections: %w", os.ErrNotExist)
	}
	return list, nil
}

// callsIn adds those of a table in the form of /proc/net/tcp to list. Rows that
// make no sense are skipped.
func callsIn(list []Call, table io.Reader, ports []uint16) []Call {
	lines := bufio.NewScanner(table)
	for lines.Scan() && len(list) < maxCalls {
		f := strings.Fields(lines.Text())
		if len(f) < 4 {
			continue
		}
		state, err := strconv.ParseUint(f[3], 16, 8)
		if err != nil || state != stateEstablished {
			continue
		}
		local, ok := parseEndpoint(f[1])
		if !ok || !slices.Contains(ports, local.Port()) {
			continue
		}
		if remote, ok := parseEndpoint(f[2]); ok {
			list = append(list, Call{local, remote})
		}
	}
	return list
}
