package router_test

// The whole table, by both ways to read it.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/router/igdtest"
)

// fill puts n entries into the router's table, and returns them in its order.
func fill(fake *igdtest.Router, n int) (all []fact.Mapping) {
	for i := range n {
		m := fact.Mapping{
			Protocol: []fact.Protocol{fact.UDP, fact.TCP}[i%2], ExternalPort: uint16(9000 - i), Enabled: i%3 > 0,
			Internal: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 168, 1, byte(i)}), uint16(100+i)), Description: fmt.Sprint("entry ", i),
		}
		if i%4 == 0 {
			m.Lease = time.Hour
		}
		fake.Put(m)
		all = append(all, m)
	}
	return all
}

// level returns list with leases as they were when they began.
func level(list []fact.Mapping) []fact.Mapping {
	for i := range list {
		list[i].Lease = list[i].Lease.Round(time.Hour)
	}
	return list
}

// byProtocol is the order in which version 2 lists the table.
func byProtocol(all []fact.Mapping) []fact.Mapping {
	tcp := slices.DeleteFunc(slices.Clone(all), func(m fact.Mapping) bool { return m.Protocol != fact.TCP })
	return append(tcp, slices.DeleteFunc(slices.Clone(all), func(m fact.Mapping) bool { return m.Protocol == fact.TCP })...)
}

func TestTable(t *testing.T) {
	version1 := func(b *igdtest.Behaviour) { b.Services = []igdtest.Service{{Type: igdtest.WANIP1}} }
	for name, c := range map[string]struct {
		odd    func(*igdtest.Behaviour)
		listed bool
	}{
		"version 2":           {func(*igdtest.Behaviour) {}, true},
		"version 1":           {version1, false},
		"PPP":                 {func(b *igdtest.Behaviour) { b.Services = []igdtest.Service{{Type: igdtest.WANPPP}} }, false},
		"Huawei":              {igdtest.HuaweiHG531, false},
		"says 2, speaks 1":    {func(b *igdtest.Behaviour) { b.OnlyVersion1 = true }, false},
		"no list":             {func(b *igdtest.Behaviour) { b.Faults["GetListOfPortMappings"] = 602 }, false},
		"the list for nobody": {func(b *igdtest.Behaviour) { b.Faults["GetListOfPortMappings"] = 606 }, false},
		"a list that is none": {func(b *igdtest.Behaviour) {
			b.Control = igdtest.Always(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><u:GetListOfPortMappingsResponse xmlns:u="x"><NewPortListing>&lt;a></NewPortListing></u:GetListOfPortMappingsResponse></s:Body></s:Envelope>`))
			}, "GetListOfPortMappings")
		}, false},
		"ends with 714": {func(b *igdtest.Behaviour) { version1(b); b.TableEnd = 714 }, false},
		"ends with 402": {func(b *igdtest.Behaviour) { version1(b); b.TableEnd = 402 }, false},
		"ends with 501": {func(b *igdtest.Behaviour) { version1(b); b.TableEnd = 501 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := igdtest.Start(t)
			fake.Behave(c.odd)
			want := fill(fake, 7)
			if c.listed {
				want = byProtocol(want)
			}
			r := patientRouter(fake)
			for _, most := range []int{1, 3, 6, 7, 8, 100} {
				list, more, err := r.Table(t.Context(), most)
				if err != nil || more != (most < 7) || !slices.Equal(level(list), want[:min(most, 7)]) {
					t.Errorf("at most %d: %v, %t, %v, want %v", most, list, more, err, want)
				}
			}
		})
	}
}

func TestTableThatIsEmpty(t *testing.T) {
	for end, unknown := range map[int]bool{0: false, 713: false, 714: false, 402: true, 501: true} {
		fake := igdtest.Start(t)
		fake.Behave(func(b *igdtest.Behaviour) { b.Services, b.TableEnd = []igdtest.Service{{Type: igdtest.WANIP1}}, end })
		list, more, err := patientRouter(fake).Table(t.Context(), 10)
		if list != nil || more || (err != nil) != unknown || errors.Is(err, fact.ErrNoMapping) {
			t.Errorf("%d at once: %v, %t, %v", end, list, more, err)
		}
	}
	fake := igdtest.Start(t)
	if list, more, err := patientRouter(fake).Table(t.Context(), 10); list != nil || more || err != nil {
		t.Errorf("version 2: %v, %t, %v", list, more, err)
	}
	if _, _, err := patientRouter(fake).Table(t.Context(), 0); err == nil {
		t.Error("no entries at most are no error")
	}
}

func TestTableIsBounded(t *testing.T) {
	// A list has room for 64 of each protocol.
	fake := igdtest.Start(t)
	want := byProtocol(fill(fake, 140))
	list, more, err := patientRouter(fake).Table(t.Context(), 1000)
	if err != nil || !more || !slices.Equal(level(list), append(want[:64:64], want[70:70+64]...)) {
		t.Errorf("%d entries, %t, %v", len(list), more, err)
	}
	// In time.
	slow := igdtest.Start(t)
	fill(slow, 50)
	slow.Behave(igdtest.ARRIS)
	slow.Behave(func(b *igdtest.Behaviour) {
		calls := 0
		b.Control = func(_ http.ResponseWriter, req *http.Request, _ string) bool {
			if calls++; calls > 5 {
				<-req.Context().Done()
			}
			return false
		}
	})
	r := patientRouter(slow)
	r.TableTime(2 * time.Second)
	if list, more, err := r.Table(t.Context(), 50); err != nil || !more || len(list) != 5 {
		t.Errorf("a slow one: %d entries, %t, %v", len(list), more, err)
	}
	// A router that gives one entry whatever it is asked for.
	same := igdtest.Start(t)
	first := fill(same, 1)[0]
	same.Behave(igdtest.ARRIS)
	same.Behave(func(b *igdtest.Behaviour) {
		b.Control = igdtest.Always(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><u:GetGenericPortMappingEntryResponse xmlns:u="x"><NewExternalPort>%d</NewExternalPort><NewProtocol>udp</NewProtocol><NewInternalPort>what</NewInternalPort></u:GetGenericPortMappingEntryResponse></s:Body></s:Envelope>`, first.ExternalPort)
		}, "GetGenericPortMappingEntry")
	})
	list, more, err = patientRouter(same).Table(t.Context(), 50)
	if err != nil || !more || len(list) != 1 || list[0] != (fact.Mapping{Protocol: fact.UDP, ExternalPort: first.ExternalPort}) {
		t.Errorf("always the same: %v, %t, %v", list, more, err)
	}
}

func TestTableOfARouterThatRestarts(t *testing.T) {
	fake := igdtest.Start(t)
	fill(fake, 10)
	fake.Behave(igdtest.ARRIS)
	restarted := false
	fake.Behave(func(b *igdtest.Behaviour) {
		b.Control = func(w http.ResponseWriter, _ *http.Request, _ string) bool {
			if !restarted && len(fake.Calls()) == 4 {
				restarted = true
				w.WriteHeader(http.StatusNotFound)
				return true
			}
			return false
		}
	})
	list, _, err := patientRouter(fake).Table(t.Context(), 50)
	if err == nil || list != nil {
		t.Errorf("half of two tables was taken for one: %v", list)
	}
}

// Others have their turn between two entries: this table ends only once
// somebody else was answered.
func TestTableLetsOthersIn(t *testing.T) {
	fake := igdtest.Start(t)
	fake.Behave(igdtest.ARRIS)
	r := patientRouter(fake)
	done := make(chan error, 1)
	fake.Behave(func(b *igdtest.Behaviour) {
		entries, answered := 0, false
		b.Control = func(w http.ResponseWriter, _ *http.Request, action string) bool {
			if action != "GetGenericPortMappingEntry" {
				answered = true
				return false
			}
			if entries++; entries == 1 {
				go func() {
					_, err := r.ExternalAddress(context.Background())
					done <- err
				}()
			}
			if answered {
				return false
			}
			fmt.Fprintf(w, `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><u:GetGenericPortMappingEntryResponse xmlns:u="x"><NewExternalPort>%d</NewExternalPort><NewProtocol>TCP</NewProtocol></u:GetGenericPortMappingEntryResponse></s:Body></s:Envelope>`, entries)
			return true
		}
	})
	if list, more, err := r.Table(t.Context(), 1000); more || list == nil && err == nil {
		t.Errorf("nobody was let in: %d entries, %t, %v", len(list), more, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
