package multicast

import "golang.org/x/sys/unix"

// onlyJoined keeps away what comes over interfaces that others have joined the
// group on: as Linux has it by default, they would be heard too (ip(7),
// IP_MULTICAST_ALL).
func onlyJoined(fd int) error {
	return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0)
}
