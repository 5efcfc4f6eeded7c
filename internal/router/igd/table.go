package igd

// The router's whole table: entry by entry, and as one list where the router
// has that (WANIPConnection:2, section 2.4.21).

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/tidy"
	"github.com/huin/goupnp/dcps/internetgateway2"
)

// MaxList is the most entries that List returns: as many as an answer of
// 64 KiB has room for, however they are escaped.
const MaxList = 64

// ErrNoList means that the router cannot list its table as a whole.
var ErrNoList = errors.New("the router does not list its table")

// List reads at most most entries of a protocol's, and no more than MaxList
// (GetListOfPortMappings). None is no error. Where the router has no such
// list, refuses it or tells it in a form that cannot be read, the error is
// ErrNoList.
func (d *Device) List(ctx context.Context, p fact.Protocol, most int) ([]fact.Mapping, error) {
	c, ok := d.conn.(*internetgateway2.WANIPConnection2)
	if !ok {
		return nil, ErrNoList
	}
	most = min(most, MaxList)
	var text string
	err := d.once(ctx, "GetListOfPortMappings", c, func(ctx context.Context, _ connection) (err error) {
		text, err = c.GetListOfPortMappingsCtx(ctx, 0, 65535, protocol(p), true, uint16(most))
		return err
	})
	if fault := (*fact.GatewayFault)(nil); errors.As(err, &fault) {
		if fault.Code == codeNoneInRange {
			return nil, nil
		}
		return nil, fmt.Errorf("%w: %w", ErrNoList, err)
	}
	if err != nil {
		return nil, err
	}
	list, err := parseListing(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoList, err)
	}
	return list[:min(len(list), most)], nil
}

// parseListing reads a PortMappingList.
func parseListing(text string) ([]fact.Mapping, error) {
	if len(text) > maxSOAP {
		return nil, fmt.Errorf("the list has more than %d KiB", maxSOAP>>10)
	}
	body, err := tidyXML([]byte(text))
	if err != nil {
		return nil, err
	}
	var list struct {
		XMLName xml.Name
		Entries []struct {
			ExternalPort string `xml:"NewExternalPort"`
			Protocol     string `xml:"NewProtocol"`
			InternalPort string `xml:"NewInternalPort"`
			Client       string `xml:"NewInternalClient"`
			Enabled      string `xml:"NewEnabled"`
			Description  string `xml:"NewDescription"`
			Lease        string `xml:"NewLeaseTime"`
		} `xml:"PortMappingEntry"`
	}
	if err := xml.NewDecoder(bytes.NewReader(body)).Decode(&list); err != nil {
		return nil, fmt.Errorf("the list does not parse: %s", tidy.Line(err.Error(), 120))
	}
	if list.XMLName.Local != "PortMappingList" {
		return nil, errors.New("it is no list of port mappings")
	}
	var all []fact.Mapping
	for _, e := range list.Entries {
		all = append(all, entryOf(e.Protocol, e.ExternalPort, e.Client, e.InternalPort, e.Enabled, e.Description, e.Lease))
	}
	return all, nil
}

// Entry reads the entry at an index, the first being 0
// (GetGenericPortMappingEntry), or returns fact.ErrNoMapping where there is
// none. Some routers say 402 or 501 for that, which may mean anything: then
// the error is also a *fact.GatewayFault.
func (d *Device) Entry(ctx context.Context, index uint16) (fact.Mapping, error) {
	in := &struct{ NewPortMappingIndex string }{ui(index)}
	var out struct {
		NewExternalPort, NewProtocol, NewInternalPort, NewInternalClient, NewEnabled, NewPortMappingDescription, NewLeaseDuration string
	}
	const action = "GetGenericPortMappingEntry"
	err := d.do(ctx, action, func(ctx context.Context, c connection) error {
		return c.GetServiceClient().SOAPClient.PerformActionCtx(ctx, urnOf(c), action, in, &out)
	})
	if fault := (*fact.GatewayFault)(nil); errors.As(err, &fault) {
		switch fault.Code {
		case codeArrayIndexInvalid, codeNoSuchEntry:
			return fact.Mapping{}, fact.ErrNoMapping
		case codeInvalidArgs, codeActionFailed:
			return fact.Mapping{}, fmt.Errorf("%w: %w", fact.ErrNoMapping, err)
		}
	}
	if err != nil {
		return fact.Mapping{}, err
	}
	return entryOf(out.NewProtocol, out.NewExternalPort, out.NewInternalClient, out.NewInternalPort, out.NewEnabled, out.NewPortMappingDescription, out.NewLeaseDuration), nil
}

// entryOf makes a mapping of an entry's fields. One that cannot be read is
// zero: the entry is there all the same.
func entryOf(protocol, externalPort, client, internalPort, enabled, description, lease string) fact.Mapping {
	number := func(text string, bits int) uint64 {
		n, err := strconv.ParseUint(strings.TrimSpace(text), 10, bits)
		if err != nil {
			return 0
		}
		return n
	}
	addr, _ := netip.ParseAddr(strings.TrimSpace(client))
	return fact.Mapping{
		Protocol:     fact.Protocol(strings.ToUpper(tidy.Line(protocol, 8))),
		ExternalPort: uint16(number(externalPort, 16)),
		Internal:     netip.AddrPortFrom(addr.Unmap().WithZone(""), uint16(number(internalPort, 16))),
		Description:  tidy.Line(description, maxWords),
		Lease:        time.Duration(number(lease, 32)) * time.Second,
		Enabled:      isTrue(enabled),
	}
}
