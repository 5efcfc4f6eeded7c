package mdns

// Hearing what devices announce, and which networks are ours.

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// network is a network of ours in which multicast DNS is spoken.
type network struct {
	link   net.Interface
	prefix netip.Prefix // our address there, and its length
}

// networks lists them. Those of point-to-point links are left out.
func networks() (list []network) {
	links, _ := net.Interfaces()
	for _, link := range links {
		const needed = net.FlagUp | net.FlagMulticast
		if link.Flags&needed != needed || link.Flags&(net.FlagLoopback|net.FlagPointToPoint) != 0 {
			continue
		}
		addrs, _ := link.Addrs()
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() {
				list = append(list, network{link, p})
				break
			}
		}
	}
	return list
}

// Listen calls heard with each host of which a device announces an address,
// until ctx ends, and returns nil then. The port is shared with whoever else
// listens to multicast DNS on this host. heard must not block.
func Listen(ctx context.Context, heard func(host string, addr netip.Addr)) error {
	for ctx.Err() == nil {
		now := networks()
		round, cancel := context.WithCancel(ctx)
		var group sync.WaitGroup
		for _, n := range now {
			group.Go(func() { listenIn(round, n, heard) })
		}
		before := fmt.Sprint(now)
		timer := time.NewTicker(relisten)
		for same := true; same; {
			select {
			case <-ctx.Done():
				same = false
			case <-timer.C:
				same = fmt.Sprint(networks()) == before
			}
		}
		timer.Stop()
		cancel()
		group.Wait()
	}
	return nil
}

// listenIn listens in one network. Where it cannot, hosts are asked for only.
func listenIn(ctx context.Context, n network, heard func(host string, addr netip.Addr)) {
	conn, err := net.ListenMulticastUDP("udp4", &n.link, net.UDPAddrFromAddrPort(group))
	if err != nil {
		return
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })()
	buffer := make([]byte, maxMessage)
	for {
		size, from, err := conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		if !n.prefix.Masked().Contains(from.Addr().Unmap()) {
			continue
		}
		each(buffer[:size], func(name string, addr netip.Addr, ttl time.Duration) {
			if ttl > 0 {
				heard(name, addr)
			}
		})
	}
}
