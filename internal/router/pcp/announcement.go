package pcp

// What a router announces to all hosts by multicast.

import (
	"encoding/binary"
	"net/netip"
)

// AllHosts is where announcements go (RFC 6886, section 3.2.1; RFC 6887,
// section 14.1.1).
var AllHosts = netip.AddrPortFrom(netip.AddrFrom4([4]byte{224, 0, 0, 1}), 5350)

// Announcement is a router's news that its address may have changed or that it
// has restarted. The address in it is not read: nobody vouches for it.
type Announcement struct {
	// PCP is whether it is PCP's ANNOUNCE; NAT-PMP's otherwise.
	PCP bool
	// Epoch is the seconds since the router's epoch began.
	Epoch uint32
}

// ParseAnnouncement reads a datagram that came to AllHosts; what is no
// announcement is an ErrStray.
func ParseAnnouncement(packet []byte) (Announcement, error) {
	if len(packet) > 0 && packet[0] == versionPCP {
		code, epoch, err := parseHeader(packet, 0)
		if err != nil || code != 0 {
			return Announcement{}, ErrStray
		}
		return Announcement{PCP: true, Epoch: epoch}, nil
	}
	if len(packet) != natpmpAnswer || packet[0] != versionNATPMP || packet[1] != answerBit || binary.BigEndian.Uint16(packet[2:]) != 0 {
		return Announcement{}, ErrStray
	}
	return Announcement{Epoch: binary.BigEndian.Uint32(packet[4:])}, nil
}
