package ssdp_test

// Liars who answer under the gateway's address: what they gain by answering
// first, often, or with many places.

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/router/ssdp"
)

// drowner hears the group through the sockets of interfaces that it opens, and
// answers each before anybody else, under the gateway's address.
func drowner(t *testing.T, answers ...string) func(ssdp.Interface) (*net.UDPConn, error) {
	return func(i ssdp.Interface) (*net.UDPConn, error) {
		conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(i.Addr, 0)))
		if err != nil {
			return nil, err
		}
		from, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(fake, 0)))
		if err != nil {
			t.Error(err)
			return conn, nil
		}
		defer from.Close()
		for _, a := range answers {
			fmt.Fprint(packetTo{from, conn.LocalAddr().(*net.UDPAddr).AddrPort()}, a)
		}
		return conn, nil
	}
}

var eth0 = []ssdp.Interface{{Name: "eth0", Addr: self}}

func forgedAt(host string, n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf(replyf, igd1, host, 6000+i))
	}
	return list
}

// The router is slow, and answers what goes to it alone; somebody else answers
// the group at once, more than is read.
func TestWhoDrownsTheGroupDoesNotHideTheGateway(t *testing.T) {
	for name, host := range map[string]string{"elsewhere": "127.0.0.66", "at the gateway": fake.String()} {
		t.Run(name, func(t *testing.T) {
			to := answerer(t, func(conn *net.UDPConn, i int, _ string, from netip.AddrPort) {
				if i%count == count-1 { // the last of each sending
					fmt.Fprintf(packetTo{conn, from}, replyf, igd1, fake, 5000)
				}
			})
			s := ssdp.Search{Gateway: fake, Local: self, To: []netip.AddrPort{to}, On: eth0, Window: 10 * time.Second}
			got, err := s.OpenOn(drowner(t, forgedAt(host, 120)...)).Run(t.Context())
			if err != nil || len(got.Replies) == 0 || got.Replies[0].Location.Port() != "5000" || !got.Replies[0].Direct {
				t.Fatalf("got %+v, %v, want the router's own first", got.Replies, err)
			}
			if n := len(got.Replies); n > 9 || host != fake.String() && n != 1 {
				t.Errorf("%d replies", n)
			}
		})
	}
}

// Where all that came was tried in vain, the next search waits for the router,
// however often the same comes again.
func TestAPatientSearchIsNotEndedByTheGroup(t *testing.T) {
	to := answerer(t, func(conn *net.UDPConn, i int, _ string, from netip.AddrPort) {
		if i == 2*count { // the third sending: the others were lost
			fmt.Fprintf(packetTo{conn, from}, replyf, igd1, fake, 5000)
		}
	})
	forged := forgedAt(fake.String(), 5)
	s := ssdp.Search{Gateway: fake, Local: self, To: []netip.AddrPort{to}, On: eth0, Window: 3 * time.Second, Settle: time.Millisecond}
	got, err := s.OpenOn(drowner(t, forged...)).Run(t.Context())
	if err != nil || len(got.Replies) == 0 || got.Replies[0].Direct {
		t.Fatalf("got %+v, %v: this proves nothing", got.Replies, err)
	}
	s.Patient = true
	for _, r := range got.Replies {
		s.Tried = append(s.Tried, r.Location.String())
	}
	got, err = s.OpenOn(drowner(t, forged...)).Run(t.Context())
	if err != nil || len(got.Replies) == 0 || got.Replies[0].Location.Port() != "5000" {
		t.Errorf("got %+v, %v", got.Replies, err)
	}
	for _, r := range got.Replies {
		for _, tried := range s.Tried {
			if r.Location.String() == tried {
				t.Errorf("%s was tried already", tried)
			}
		}
	}
}

// A router that hears the group only has the same chance as each of its liars,
// whether it answers before or after them.
func TestNobodyGainsByTheOrderOfAnswers(t *testing.T) {
	at := func(port int) ssdp.Reply {
		r, err := ssdp.ParseReply([]byte(fmt.Sprintf(replyf, igd1, fake, port)), fake)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	own, forged := at(5000), []ssdp.Reply{}
	for i := range 20 {
		forged = append(forged, at(6000+i))
	}
	for name, answers := range map[string][]ssdp.Reply{"last": append(slices.Clone(forged), own), "first": append([]ssdp.Reply{own}, forged...)} {
		kept, firsts := 0, 0
		const tries = 2000
		for range tries {
			list := ssdp.KeepOfGroup(answers)
			if len(list) != 8 {
				t.Fatalf("%d replies are kept", len(list))
			}
			i := slices.IndexFunc(list, func(r ssdp.Reply) bool { return r.Location.Port() == "5000" })
			if i >= 0 {
				kept++
			}
			if i == 0 {
				firsts++
			}
		}
		// 8 of 21, and 1 of 21.
		if kept < tries*6/21 || kept > tries*10/21 || firsts < tries/42 || firsts > tries*2/21 {
			t.Errorf("the router's answer, the %s of all, was kept %d times of %d, and tried first %d times", name, kept, tries, firsts)
		}
	}
}

// What was refused does not stand in the way of what is good, by either way.
func TestRefusedRepliesUseNothingUp(t *testing.T) {
	to := answerer(t, func(conn *net.UDPConn, i int, _ string, from netip.AddrPort) {
		for range 12 {
			fmt.Fprintf(packetTo{conn, from}, replyf, igd1, "8.8.8.8", 80)
		}
		if i%count == count-1 { // the last of each sending
			fmt.Fprintf(packetTo{conn, from}, replyf, igd1, fake, 5000)
		}
	})
	got, err := ssdp.Search{Gateway: fake, Local: self, To: []netip.AddrPort{to}, Window: 10 * time.Second}.Run(t.Context())
	if err != nil || len(got.Replies) != 1 || len(got.Refused) != 1 || !strings.Contains(got.Refused[0], "8.8.8.8") {
		t.Errorf("got %+v, %v", got, err)
	}
}
