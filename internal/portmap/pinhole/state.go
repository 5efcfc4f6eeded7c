package pinhole

// What was opened, and the file that keeps it.

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/edgeguard/edgeguard/internal/durable"
	"github.com/edgeguard/edgeguard/internal/fact"
)

const (
	maxState   = 64 << 10 // octets of the state file
	maxRecords = 64       // pinholes in it
	version    = 1
)

// record is one pinhole that was opened. It is never changed once it is shared.
type record struct {
	service  string
	protocol fact.Protocol
	internal netip.AddrPort
	method   fact.Method
	router   string   // Identity of the router that it is on
	id       uint16   // UPnP's
	nonce    [12]byte // PCP's
	lease    time.Duration
	ends     time.Time // by our clock
	// doubt is until when the router may yet open it, as it has not answered;
	// zero where it has. It is not written down.
	doubt time.Time
}

// elsewhere reports whether the pinhole is known to be on another router than
// the one of this identity. An address is no name: a router that has answered
// by PCP only is known by it until UPnP finds the same one.
func (r record) elsewhere(router string) bool {
	for _, id := range []string{r.router, router} {
		if _, err := netip.ParseAddr(id); id == "" || err == nil {
			return false
		}
	}
	return r.router != router
}

// pinhole is the record as UPnP asks for it.
func (r record) pinhole() fact.Pinhole {
	return fact.Pinhole{Protocol: r.protocol, Internal: r.internal, Lease: r.lease}
}

// request is the record as PCP asks for it.
func (r record) request() fact.Request {
	return fact.Request{Method: fact.MethodPCP, Protocol: r.protocol, Internal: r.internal, ExternalPort: r.internal.Port(), Lease: r.lease, Nonce: r.nonce}
}

// file is the form of the state file.
type file struct {
	Version  int    `json:"version"`
	Pinholes []line `json:"pinholes"`
}

type line struct {
	Service  string         `json:"service"`
	Protocol fact.Protocol  `json:"protocol"`
	Internal netip.AddrPort `json:"internal"`
	Method   fact.Method    `json:"method"`
	Router   string         `json:"router"`
	ID       uint16         `json:"id,omitempty"`
	Nonce    string         `json:"nonce,omitempty"`
	Lease    int64          `json:"lease_seconds"`
	Ends     time.Time      `json:"ends"`
}

// load reads the state file. What has ended is left out. Where the file is
// damaged there are no records, and the error says where it is now.
func load(path string, now time.Time) (list []record, err error) {
	err = durable.Load(path, maxState, func(text []byte) (err error) {
		list, err = parse(text)
		return err
	})
	var standing []record
	for _, r := range list {
		if most := now.Add(r.lease); r.ends.After(most) {
			r.ends = most // the clock was put back
		}
		if r.ends.After(now) {
			standing = append(standing, r)
		}
	}
	return standing, err
}

// parse reads the state file's text.
func parse(text []byte) ([]record, error) {
	var f file
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, err
	}
	if f.Version != version {
		return nil, fmt.Errorf("its version is %d, and not %d", f.Version, version)
	}
	if len(f.Pinholes) > maxRecords {
		return nil, fmt.Errorf("it has more than %d pinholes", maxRecords)
	}
	var list []record
	for _, l := range f.Pinholes {
		r := record{service: l.Service, protocol: l.Protocol, internal: l.Internal, method: l.Method, router: l.Router, id: l.ID,
			lease: time.Duration(l.Lease) * time.Second, ends: l.Ends}
		nonce, err := hex.DecodeString(l.Nonce)
		switch {
		case err != nil, l.Method == fact.MethodPCP && len(nonce) != len(r.nonce), l.Method == fact.MethodIGD && len(nonce) != 0:
			return nil, errors.New("a nonce is none")
		case l.Method != fact.MethodIGD && l.Method != fact.MethodPCP:
			return nil, fmt.Errorf("%q is no method", l.Method)
		case l.Protocol != fact.TCP && l.Protocol != fact.UDP, !isGlobal(l.Internal.Addr()), l.Internal.Port() == 0:
			return nil, fmt.Errorf("%s %s is no port of a global address", l.Protocol, l.Internal)
		case l.Ends.Year() < 2000, l.Ends.Year() > 9000:
			return nil, fmt.Errorf("it ends at %s, which is no time", l.Ends)
		case l.Lease < 1 || l.Lease > int64(maxLease/time.Second):
			return nil, fmt.Errorf("a lease of %d seconds is none", l.Lease)
		}
		copy(r.nonce[:], nonce)
		list = append(list, r)
	}
	return list, nil
}

// text is the state file's text.
func text(list []record) ([]byte, error) {
	f := file{Version: version, Pinholes: []line{}}
	for _, r := range list {
		l := line{Service: r.service, Protocol: r.protocol, Internal: r.internal, Method: r.method, Router: r.router, ID: r.id,
			Lease: int64(r.lease / time.Second), Ends: r.ends.UTC().Truncate(time.Second)}
		if r.method == fact.MethodPCP {
			l.Nonce = hex.EncodeToString(r.nonce[:])
		}
		f.Pinholes = append(f.Pinholes, l)
	}
	return json.Marshal(f)
}

// isGlobal reports whether the internet can know addr: no unique local one, no
// link-local one, none of IPv4.
func isGlobal(addr netip.Addr) bool {
	return addr.Is6() && !addr.Is4In6() && addr.Zone() == "" && addr.IsGlobalUnicast() && !addr.IsPrivate()
}
