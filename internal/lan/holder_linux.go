package lan

// The holder of a port, from the kernel's tables of sockets.

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Bounds on one search. A busy NAS has hundreds of processes with thousands of
// files between them.
const (
	maxSocketTable = 8 << 20
	maxProcesses   = 1 << 15
	maxOpenFiles   = 1 << 18
)

// The states of a socket in the tables (tcp_states.h); for UDP, CLOSE means
// that it is not connected.
const (
	stateListen = 0x0A
	stateClose  = 0x07
)

// PortHolder finds who holds addr's port so that addr can not be bound for
// network ("udp" or "tcp", with or without 4 or 6): a socket on that address,
// on a wildcard, or on any address where addr is a wildcard itself. It reports
// false when the tables show none.
func PortHolder(network string, addr netip.AddrPort) (Holder, bool) {
	protocol := protocolOf(network)
	tables := []string{protocol, protocol + "6"}
	if network == protocol+"6" {
		tables = tables[1:] // such a socket leaves IPv4 alone
	}
	best, rank := socket{}, 0
	for _, table := range tables {
		file, err := os.Open(filepath.Join("/proc/net", table))
		if err != nil {
			continue // IPv6 may be off
		}
		for _, s := range socketsIn(io.LimitReader(file, maxSocketTable), protocol, addr.Port()) {
			if r := clash(s, addr.Addr()); r > rank {
				best, rank = s, r
			}
		}
		file.Close()
	}
	if rank == 0 {
		return Holder{}, false
	}
	holder := Holder{Addr: best.local, PID: ownerOf(best.inode)}
	if holder.PID != 0 {
		holder.Name = commandOf(holder.PID)
	}
	return holder, true
}

// socket is one row of a table.
type socket struct {
	local netip.AddrPort
	state uint64
	inode uint64
}

// socketsIn reads a table in the form of /proc/net/tcp (proc_net_tcp in the
// kernel's documentation) and returns the sockets that hold port: TCP sockets
// that listen, UDP sockets in any state. Rows that make no sense are skipped.
func socketsIn(table io.Reader, protocol string, port uint16) []socket {
	var found []socket
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 10 {
			continue
		}
		local, ok := parseEndpoint(f[1])
		if !ok || local.Port() != port {
			continue
		}
		state, err := strconv.ParseUint(f[3], 16, 8)
		if err != nil || protocol == "tcp" && state != stateListen {
			continue
		}
		inode, err := strconv.ParseUint(f[9], 10, 64)
		if err != nil {
			continue
		}
		found = append(found, socket{local, state, inode})
	}
	return found
}

// parseEndpoint reads "0100007F:0035": the address as hex of native-endian
// 32-bit words, the port as a hex number.
func parseEndpoint(text string) (netip.AddrPort, bool) {
	address, portText, ok := strings.Cut(text, ":")
	if !ok {
		return netip.AddrPort{}, false
	}
	port, err := strconv.ParseUint(portText, 16, 16)
	if err != nil {
		return netip.AddrPort{}, false
	}
	raw, err := hex.DecodeString(address)
	if err != nil || len(raw) != 4 && len(raw) != 16 {
		return netip.AddrPort{}, false
	}
	for word := raw; len(word) >= 4; word = word[4:] {
		binary.NativeEndian.PutUint32(word, binary.BigEndian.Uint32(word))
	}
	addr, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), true
}

// clash says how surely s keeps want from being bound: 0 not at all. A socket
// on [::] usually takes IPv4 too, but the table does not tell.
func clash(s socket, want netip.Addr) int {
	have := s.local.Addr()
	want = want.Unmap()
	rank := 0
	switch {
	case have == want.WithZone(""):
		rank = 4
	case have.IsUnspecified() && (!want.IsValid() || have.Is4() == want.Is4()):
		rank = 3
	case have == netip.IPv6Unspecified():
		rank = 2
	case !want.IsValid(), want == netip.IPv6Unspecified(), want.IsUnspecified() && have.Is4():
		rank = 1
	}
	if rank == 0 {
		return 0
	}
	rank *= 2
	if s.state == stateListen || s.state == stateClose {
		rank++ // a server before a client that happens to use the port
	}
	return rank
}

// ownerOf finds the first process that has the socket open, or 0.
func ownerOf(inode uint64) int {
	if inode == 0 {
		return 0
	}
	link := "socket:[" + strconv.FormatUint(inode, 10) + "]"
	left := maxOpenFiles
	for _, name := range namesIn("/proc", maxProcesses) {
		pid, err := strconv.Atoi(name)
		if err != nil || pid <= 0 {
			continue
		}
		folder := filepath.Join("/proc", name, "fd")
		for _, fd := range namesIn(folder, left) {
			left--
			if target, err := os.Readlink(filepath.Join(folder, fd)); err == nil && target == link {
				return pid
			}
		}
		if left <= 0 {
			return 0
		}
	}
	return 0
}

// namesIn lists at most most names of a folder; one that may not be read has
// none.
func namesIn(folder string, most int) []string {
	if most <= 0 {
		return nil
	}
	f, err := os.Open(folder)
	if err != nil {
		return nil
	}
	defer f.Close()
	names, _ := f.Readdirnames(most) // what was read before an error counts
	return names
}

// commandOf reads the name of a process, which it chooses itself.
func commandOf(pid int) string {
	f, err := os.Open(filepath.Join("/proc", strconv.Itoa(pid), "comm"))
	if err != nil {
		return ""
	}
	defer f.Close()
	name, err := io.ReadAll(io.LimitReader(f, 64))
	if err != nil {
		return ""
	}
	return oneLine(string(name))
}
