package lan

// Hearing of changes to our own links, addresses and routes.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// coalesce is how close two calls of changed may come.
	coalesce = 100 * time.Millisecond
	// maxEvents is the size of the buffer for one read; the kernel puts a few
	// messages of a few hundred bytes into one.
	maxEvents = 64 << 10
	// maxRemembered bounds what is remembered to tell news from repetition.
	maxRemembered = 4096
)

var weight = map[string]int{ChangeLink: 1, ChangeRoute: 2, ChangeAddress: 3, ChangeLost: 4}

// Changes calls changed with ChangeNone once it listens, and then when an
// interface, an address or a default route of this host changes (rtnetlink(7)),
// at once and then at most every 100 ms; kind is the one that tells most of
// those since the last call. What is heard is
// a hint: the kernel must be asked for how things are. Ports of bridges,
// link-local addresses and mere renewals of lifetimes are passed over. changed
// must not block. Changes returns nil when ctx ends, and an error where the
// kernel does not let us listen. Elsewhere than on Linux it only waits for ctx.
func Changes(ctx context.Context, changed func(kind string)) error {
	file, err := subscribe()
	if err != nil {
		return fmt.Errorf("listening for changes of our own addresses: %w", err)
	}
	defer file.Close()
	defer context.AfterFunc(ctx, func() { file.SetReadDeadline(time.Unix(1, 0)) })()
	changed(ChangeNone)
	buffer, seen := make([]byte, maxEvents), memory{}
	var quiet time.Time // no call before
	pending := ""
	for {
		deadline := time.Time{}
		if pending != "" {
			deadline = quiet
		}
		if err := file.SetReadDeadline(deadline); err != nil {
			return fmt.Errorf("listening for changes of our own addresses: %w", err)
		}
		if ctx.Err() != nil {
			return nil
		}
		kind, err := hear(file, buffer, seen)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
		case err != nil:
			return fmt.Errorf("listening for changes of our own addresses: %w", err)
		case weight[kind] > weight[pending]:
			pending = kind
		}
		if now := time.Now(); pending != "" && !now.Before(quiet) {
			changed(pending)
			pending, quiet = "", now.Add(coalesce)
		}
	}
}

// subscribe opens a socket on which the kernel tells of changes.
func subscribe() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	const groups = unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR | unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_ROUTE
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "rtnetlink"), nil
}

// hear reads once and says what kind of change it was, or "" for none. Events
// that the kernel had to drop are a change.
func hear(file *os.File, buffer []byte, seen memory) (kind string, err error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return "", err
	}
	var n, flags int
	var from unix.Sockaddr
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		n, _, flags, from, failed = unix.Recvmsg(int(fd), buffer, nil, unix.MSG_DONTWAIT)
		return failed != unix.EAGAIN && failed != unix.EINTR
	})
	switch sender, _ := from.(*unix.SockaddrNetlink); {
	case err != nil:
		return "", err
	case failed == unix.ENOBUFS, failed == nil && flags&unix.MSG_TRUNC != 0:
		clear(seen)
		return ChangeLost, nil
	case failed != nil:
		return "", failed
	case sender == nil || sender.Pid != 0:
		return "", nil // another process: only the kernel is believed
	}
	return seen.news(buffer[:n]), nil
}

// memory is what the kernel said last of each thing.
type memory map[string]string

// news is the kind of the most telling change in data that is not a repetition.
// Bytes that make no sense end the reading.
func (seen memory) news(data []byte) (kind string) {
	for len(data) > 0 {
		m, rest, err := next(data)
		if err != nil {
			break
		}
		data = rest
		if k := seen.one(m); weight[k] > weight[kind] {
			kind = k
		}
	}
	return kind
}

func (seen memory) one(m message) string {
	switch m.kind {
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		a, ok := parseAddr(m.body)
		if !ok || a.scope >= unix.RT_SCOPE_LINK || a.flags&unix.IFA_F_TENTATIVE != 0 && m.kind == unix.RTM_NEWADDR {
			return ""
		}
		return seen.note(ChangeAddress, fmt.Sprint("a", a.index, a.addr), fmt.Sprint(a.flags&unfit), m.kind == unix.RTM_DELADDR)
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		r, ok := parseRoute(m.body)
		if !ok {
			return ""
		}
		return seen.note(ChangeRoute, fmt.Sprintf("r%d %d %d %x", r.family, r.index, r.metric, r.gateway), "", m.kind == unix.RTM_DELROUTE)
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		l, ok := parseLink(m.body)
		if !ok || l.enslaved || l.flags&unix.IFF_LOOPBACK != 0 {
			return ""
		}
		return seen.note(ChangeLink, fmt.Sprint("l", l.index), fmt.Sprint(l.flags&(unix.IFF_UP|unix.IFF_RUNNING|unix.IFF_LOWER_UP)), m.kind == unix.RTM_DELLINK)
	}
	return ""
}

// note returns kind unless the kernel only repeats itself.
func (seen memory) note(kind, key, value string, gone bool) string {
	if gone {
		delete(seen, key)
		return kind
	}
	if before, known := seen[key]; known && before == value {
		return ""
	}
	if len(seen) >= maxRemembered {
		clear(seen)
	}
	seen[key] = value
	return kind
}
