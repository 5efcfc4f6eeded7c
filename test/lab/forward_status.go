//go:build linux

package lab

// What the daemon says of its forwards, and what the router's UPnP service
// lists.

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Forward is one of forwards[] in the status JSON. A text that is null there
// is empty here.
type Forward struct {
	Service        string         `json:"service"`
	Family         string         `json:"family"`
	Protocol       string         `json:"protocol"`
	ExternalPort   uint16         `json:"external_port"`
	Internal       netip.AddrPort `json:"internal"`
	Method         string         `json:"method"`
	State          string         `json:"state"`
	LeaseExpiresAt time.Time      `json:"lease_expires_at"` // zero where there is none
	Router         string         `json:"router"`
	Conflict       string         `json:"conflict"`
	LastError      string         `json:"last_error"`
	Action         string         `json:"action"`
	Note           string         `json:"note"`
	Warning        string         `json:"warning"`
	Relay          *Relay         `json:"relay"` // nil where the router leads to the service itself
}

// Relay is forwards[].relay in the status JSON.
type Relay struct {
	Listen    netip.AddrPort `json:"listen"`
	Target    netip.AddrPort `json:"target"`
	Open      int            `json:"open"`
	Total     uint64         `json:"total"`
	Refused   uint64         `json:"refused"`
	Failed    uint64         `json:"failed"`
	BytesIn   uint64         `json:"bytes_in"`
	BytesOut  uint64         `json:"bytes_out"`
	LastError string         `json:"last_error"`
}

// Forwards asks the daemon for its forwards, in the order of its config.
func (d *Daemon) Forwards() ([]Forward, error) {
	raw, err := d.StatusJSON()
	if err != nil {
		return nil, err
	}
	var told struct {
		Forwards []Forward `json:"forwards"`
	}
	if err := json.Unmarshal(raw, &told); err != nil {
		return nil, fmt.Errorf("reading the daemon's forwards: %w: %s", err, raw)
	}
	return told.Forwards, nil
}

// Forward asks the daemon for the first of its forwards.
func (d *Daemon) Forward() (Forward, error) {
	all, err := d.Forwards()
	if err == nil && len(all) == 0 {
		err = errors.New("the status has no forward")
	}
	if err != nil {
		return Forward{}, err
	}
	return all[0], nil
}

// ForwardOf asks the daemon for the forward of a service in a family, "ipv4" or
// "ipv6".
func (d *Daemon) ForwardOf(service, family string) (Forward, error) {
	all, err := d.Forwards()
	if err != nil {
		return Forward{}, err
	}
	for _, f := range all {
		if f.Service == service && f.Family == family {
			return f, nil
		}
	}
	return Forward{}, fmt.Errorf("the status has no %s forward of %s: %+v", family, service, all)
}

// WantForwardOf returns a check for Eventually: the forward of a service in a
// family is in this state.
func (d *Daemon) WantForwardOf(service, family, state string) func() error {
	return func() error {
		f, err := d.ForwardOf(service, family)
		if err == nil && f.State != state {
			err = fmt.Errorf("the %s forward of %s is %s (%s%s), not %s", family, service, f.State, f.Conflict, f.LastError, state)
		}
		return err
	}
}

// WantForward returns a check for Eventually: all forwards are in this state.
func (d *Daemon) WantForward(state string) func() error {
	return func() error {
		all, err := d.Forwards()
		if err != nil {
			return err
		}
		for _, f := range all {
			if f.State != state {
				return fmt.Errorf("the forward of %d is %s (%s%s), not %s", f.ExternalPort, f.State, f.Conflict, f.LastError, state)
			}
		}
		if len(all) == 0 {
			return errors.New("the status has no forward")
		}
		return nil
	}
}

// Entry is a line of the router's own list of its mappings.
type Entry struct {
	Mapping
	Description string
	Lease       time.Duration // what is left of it; zero means without an end
}

// Entries asks the router's UPnP service, from a host, for all its mappings.
func (h *Home) Entries(from *Host) ([]Entry, error) {
	location := fmt.Sprintf("http://%s:%d/rootDesc.xml", RouterAddr, h.RouterPort())
	out, err := from.Try(Patience, "upnpc", "-u", location, "-l")
	if err != nil {
		return nil, err
	}
	var list []Entry
	for line := range strings.Lines(out) {
		if e, ok := parseEntry(line); ok {
			list = append(list, e)
		}
	}
	return list, nil
}

// parseEntry reads a line of upnpc's, such as
// " 0 TCP  8883->192.168.77.10:8883  'edgeguard mqtt' ” 3594".
func parseEntry(line string) (e Entry, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 5 || fields[1] != "TCP" && fields[1] != "UDP" {
		return e, false
	}
	outside, inside, _ := strings.Cut(fields[2], "->")
	port, err := strconv.ParseUint(outside, 10, 16)
	if err != nil {
		return e, false
	}
	if e.Internal, err = netip.ParseAddrPort(inside); err != nil {
		return e, false
	}
	seconds, err := strconv.Atoi(fields[len(fields)-1])
	if err != nil {
		return e, false
	}
	e.Protocol, e.External, e.Lease = strings.ToLower(fields[1]), uint16(port), time.Duration(seconds)*time.Second
	if _, quoted, found := strings.Cut(line, "'"); found {
		e.Description, _, _ = strings.Cut(quoted, "'")
	}
	return e, true
}
