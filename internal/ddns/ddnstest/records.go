package ddnstest

// The records that the fakes of whole zones keep.

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Record is a DNS record as Cloudflare keeps it, and others with less.
type Record struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Name    string `json:"name"` // fully qualified, no final dot
	Content string `json:"content"`
	Proxied bool   `json:"proxied"`
	TTL     int    `json:"ttl"` // seconds; 1 is "automatic" at Cloudflare
	// Disabled is whether the record is switched off; IONOS only.
	Disabled bool `json:"-"`
}

// records is a store of records, embedded in a fake.
type records struct {
	common
	list   []Record // guarded by common.mu
	lastID int      // guarded by common.mu
}

// Put adds or replaces (by ID) a record behind the client's back. An empty ID
// adds; the ID is returned.
func (s *records) Put(r Record) string {
	s.mu.Lock()
	if r.ID == "" {
		s.lastID++
		r.ID = fmt.Sprint(1000 + s.lastID)
	}
	s.list = slices.DeleteFunc(s.list, func(old Record) bool { return old.ID == r.ID })
	s.list = append(s.list, r)
	s.mu.Unlock()
	if addr, err := netip.ParseAddr(r.Content); err == nil {
		s.changedAddr(r.Name, r.Type, addr)
	}
	return r.ID
}

// Remove deletes a record behind the client's back; false where there is none.
func (s *records) Remove(id string) bool {
	r, ok := s.byID(id)
	s.mu.Lock()
	s.list = slices.DeleteFunc(s.list, func(old Record) bool { return old.ID == id })
	s.mu.Unlock()
	if ok {
		s.changedAddr(r.Name, r.Type, netip.Addr{})
	}
	return ok
}

// Records returns a copy of the records of a name and type.
func (s *records) Records(name, rtype string) []Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []Record
	for _, r := range s.list {
		if strings.EqualFold(r.Name, name) && r.Type == rtype {
			found = append(found, r)
		}
	}
	return found
}

// all returns a copy of the records.
func (s *records) all() []Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.list)
}

func (s *records) byID(id string) (Record, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.list, func(r Record) bool { return r.ID == id })
	if i < 0 {
		return Record{}, false
	}
	return s.list[i], true
}

// absolute makes a record's name whole, as the APIs do for relative names.
func absolute(name, zone string) string {
	switch {
	case name == "" || name == "@" || name == zone:
		return zone
	case strings.HasSuffix(name, "."+zone):
		return name
	}
	return name + "." + zone
}

// relative is the opposite, with "" for the zone itself.
func relative(name, zone string) string {
	return strings.TrimSuffix(strings.TrimSuffix(name, zone), ".")
}

// fits reports whether content is an address of the type, or any text of a TXT
// record.
func fits(rtype, content string) bool {
	if rtype == "TXT" {
		return content != ""
	}
	addr, err := netip.ParseAddr(content)
	return err == nil && (rtype == "A" && addr.Is4() || rtype == "AAAA" && addr.Is6() && !addr.Is4In6())
}

// quoted is a record's content as the APIs show it that put the text of TXT
// records in quotes, whatever was sent.
func quoted(r Record) string {
	if r.Type != "TXT" || strings.HasPrefix(r.Content, `"`) {
		return r.Content
	}
	return `"` + r.Content + `"`
}
