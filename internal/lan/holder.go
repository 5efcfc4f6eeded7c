package lan

// Who holds a port, and what to do when ours can not be bound.

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"

	"github.com/edgeguard/edgeguard/internal/tidy"
)

// Holder is the process that holds a port.
type Holder struct {
	// Addr is the address that it is bound to, which may be a wildcard.
	Addr netip.AddrPort
	// PID is its process id as this process sees it; 0 when it can not be
	// seen: it belongs to another user, or runs outside of our container.
	PID int
	// Name is its command, cut by the kernel to 15 bytes and cleaned; empty
	// when unknown.
	Name string
}

// String names the holder for people, as in "dnsmasq (pid 1234)".
func (h Holder) String() string {
	switch {
	case h.PID == 0:
		return "a program that can not be seen from here (another user's, or outside of this container)"
	case h.Name == "":
		return fmt.Sprintf("pid %d", h.PID)
	default:
		return fmt.Sprintf("%s (pid %d)", h.Name, h.PID)
	}
}

// AdviseBind says in plain words why addr could not be bound for network ("udp"
// or "tcp", with or without 4 or 6) and what to do about it. It looks for the
// holder of a port that is in use. A nil err gives an empty string.
func AdviseBind(err error, network string, addr netip.AddrPort) string {
	if err == nil {
		return ""
	}
	what := fmt.Sprintf("%s port %d on %s", strings.ToUpper(protocolOf(network)), addr.Port(), addr.Addr())
	if !addr.Addr().IsValid() {
		what = fmt.Sprintf("%s port %d", strings.ToUpper(protocolOf(network)), addr.Port())
	}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		holder, found := PortHolder(network, addr)
		return adviseInUse(what, addr, holder, found)
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return adviseForbidden(what, addr)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Sprintf("Cannot listen on %s: this host does not have that address, or not yet. "+
			"Check the address in the config against the host's own; a container sees the host's addresses only in host network mode. "+
			"If the address comes by DHCP, the network may not be up yet: edgeguard can be started again in a moment.", what)
	default:
		return fmt.Sprintf("Cannot listen on %s: %s.", what, oneLine(err.Error()))
	}
}

// adviseForbidden is AdviseBind for EACCES and EPERM.
func adviseForbidden(what string, addr netip.AddrPort) string {
	if addr.Port() < 1024 && addr.Port() != 0 {
		return fmt.Sprintf("Not allowed to listen on %s: ports below 1024 are for root or for holders of the capability NET_BIND_SERVICE. "+
			"Start edgeguard as root: in a container, without a \"user:\" line, and with cap_add: [NET_BIND_SERVICE] where capabilities are dropped. Or choose a port from 1024 on.", what)
	}
	return fmt.Sprintf("Not allowed to listen on %s: the system's security rules (SELinux, AppArmor or seccomp) forbid it. "+
		"Allow it there, or choose another port.", what)
}

// adviseInUse is AdviseBind for EADDRINUSE. Names of programs only sort the
// advice; what can not be told from them is offered whole.
func adviseInUse(what string, addr netip.AddrPort, holder Holder, found bool) string {
	var say []string
	if found {
		say = append(say, fmt.Sprintf("Cannot listen on %s: %s already listens on %s.", what, holder, holder.Addr))
	} else {
		say = append(say, fmt.Sprintf("Cannot listen on %s: another program already listens there.", what))
	}
	if addr.Port() != 53 {
		return strings.Join(append(say, "Stop that program, or choose another port for edgeguard."), " ")
	}
	wildcard := !addr.Addr().IsValid() || addr.Addr().IsUnspecified()
	if wildcard && (!found || !holder.Addr.Addr().IsUnspecified()) {
		say = append(say, "Let edgeguard listen on this host's own LAN address (such as 192.168.1.10:53) instead of on every address: then both can run.")
	}
	return strings.Join(append(say, portFiftyThree(holder.Name)...), " ")
}

// portFiftyThree says how the usual holders of port 53 give it up: those that
// name may be, or all where it tells nothing.
func portFiftyThree(name string) []string {
	usual := []struct {
		names  []string
		advice string
	}{
		{[]string{"systemd-resolve"}, "Debian, Ubuntu: systemd-resolved listens on 127.0.0.53; bind another address, or set DNSStubListener=no in /etc/systemd/resolved.conf and restart it."},
		{[]string{"dnsmasq", "named"}, "Synology: the package DNS Server or DHCP Server holds port 53; stop or uninstall it in Package Center."},
		{[]string{"dnsmasq", "samba"}, "QNAP: the dnsmasq of Container Station or of a Virtual Switch, or the domain controller (AD), holds port 53; switch off what is not needed, or bind the NAS's concrete LAN address instead of 0.0.0.0."},
	}
	var all, fitting []string
	for _, u := range usual {
		all = append(all, u.advice)
		for _, n := range u.names {
			// Samba calls its processes "samba: task[dns]" and the like.
			if name == n || strings.HasPrefix(name, n+":") {
				fitting = append(fitting, u.advice)
			}
		}
	}
	switch {
	case len(fitting) > 0:
		return fitting
	case name != "":
		return []string{"Stop that program, or give one of the two another address."}
	default:
		return all
	}
}

// protocolOf is "udp" for every kind of UDP network, else "tcp".
func protocolOf(network string) string {
	if strings.HasPrefix(network, "udp") {
		return "udp"
	}
	return "tcp"
}

// maxText bounds foreign text, in bytes.
const maxText = 256

// oneLine makes foreign text one short line without control characters.
func oneLine(s string) string { return tidy.Line(s, maxText) }
