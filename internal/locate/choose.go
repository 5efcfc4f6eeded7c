package locate

// Which of the addresses that a device is said to have is the service's.

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
)

// maxAddrs bounds how many addresses of an answer are looked at.
const maxAddrs = 8

// choose puts the right one of the answer's addresses in force, and reports
// whether the one in force is right. With a hint the service does not answer
// there, so that one of several others may be right.
func (f *followed) choose(ctx context.Context, answer Answer, live Liveness, hinted bool) (settled bool) {
	now := f.current()
	fit, unfit := f.fit(answer.Addrs)
	switch {
	case len(fit) == 0:
		f.note(unfit, false)
		return false
	case slices.Contains(fit, now.addr) && (live != Gone && !(hinted && len(fit) > 1) || f.service.Remote):
		f.take(now.addr, "")
		return true
	case f.service.Remote:
		f.take(fit[0], "") // nothing is led there
		return true
	}
	return f.vouched(ctx, now, fit)
}

// fit are the addresses that can be those of the service, and else why not.
func (f *followed) fit(addrs []netip.Addr) (fit []netip.Addr, why string) {
	for _, addr := range addrs[:min(len(addrs), maxAddrs)] {
		addr = addr.Unmap()
		if problem := f.locator.cfg.Unfit(f.service, addr); problem != "" {
			why = fmt.Sprintf("%s is said to be at %s, which %s", f.service.by(), addr, problem)
		} else if !slices.Contains(fit, addr) {
			fit = append(fit, addr)
		}
	}
	return fit, why
}

// vouched follows the service to the first address at which it proves to be
// itself. Where no key of it is known yet, the first that answers will do, and
// where none does, the first.
func (f *followed) vouched(ctx context.Context, now inForce, fit []netip.Addr) (settled bool) {
	problem, stranger, first := "", false, netip.Addr{}
	key := ""
	for _, addr := range fit {
		v := f.vouch(ctx, addr)
		switch {
		case ctx.Err() != nil:
			return false
		case v.Answers && (v.Trusted || now.spki != "" && v.SPKI == now.spki):
			f.take(addr, v.SPKI)
			return true
		case v.Answers && !first.IsValid():
			first, key = addr, v.SPKI
		}
		if v.Answers && !stranger {
			problem, stranger = fmt.Sprintf("%s is said to be at %s, where another key answers than that of the service, with a certificate that is not trusted (%s)", f.service.by(), addr, v.Why), true
		} else if problem == "" {
			problem = fmt.Sprintf("%s is said to be at %s, where the service does not answer: %s", f.service.by(), addr, v.Why)
		}
	}
	if now.spki == "" {
		if !first.IsValid() {
			first = fit[0]
		}
		f.take(first, key)
		return true
	}
	if slices.Contains(fit, now.addr) && !stranger {
		f.take(now.addr, "") // where it was, and it is down
		return false
	}
	f.note(problem, stranger)
	return false
}

func (f *followed) vouch(ctx context.Context, addr netip.Addr) Vouched {
	ctx, cancel := context.WithTimeout(ctx, vouchTime)
	defer cancel()
	return f.locator.cfg.Vouch(ctx, f.service, netip.AddrPortFrom(addr, f.service.Port))
}
