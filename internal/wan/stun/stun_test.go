package stun_test

// STUN servers on loopback: a good one and several bad ones.

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	pion "github.com/pion/stun/v3"
	"go.uber.org/goleak"

	"github.com/edgeguard/edgeguard/internal/wan/stun"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var seen = net.IPv4(11, 22, 33, 44)

// reply makes the server's datagrams for a request.
type reply func(request *pion.Message) [][]byte

func build(setters ...pion.Setter) []byte { return pion.MustBuild(setters...).Raw }

func good(request *pion.Message) [][]byte {
	return [][]byte{build(request, pion.BindingSuccess, &pion.XORMappedAddress{IP: seen, Port: 4711}, pion.Fingerprint)}
}

// server answers each request on a loopback socket, and returns a connection
// to it and the channel of the requests it saw.
func server(t *testing.T, answer reply) (net.Conn, <-chan *pion.Message) {
	t.Helper()
	socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	requests, ended := make(chan *pion.Message, 16), make(chan struct{})
	go func() {
		defer close(ended)
		buffer := make([]byte, 1500)
		for {
			n, from, err := socket.ReadFrom(buffer)
			if err != nil {
				return
			}
			m := &pion.Message{Raw: append([]byte(nil), buffer[:n]...)}
			if m.Decode() != nil {
				continue
			}
			requests <- m
			for _, datagram := range answer(m) {
				socket.WriteTo(datagram, from)
			}
		}
	}()
	conn, err := net.Dial("udp4", socket.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); socket.Close(); <-ended })
	return conn, requests
}

func TestAsk(t *testing.T) {
	conn, requests := server(t, good)
	got, err := stun.Ask(t.Context(), conn)
	if err != nil || got != netip.MustParseAddr("11.22.33.44") {
		t.Fatalf("got %v, %v", got, err)
	}
	if m := <-requests; m.Type != pion.BindingRequest || pion.Fingerprint.Check(m) != nil {
		t.Errorf("the request is %v", m)
	}
}

func TestAskRetransmitsTheSameRequest(t *testing.T) {
	n := 0
	conn, requests := server(t, func(m *pion.Message) [][]byte {
		if n++; n < 2 {
			return nil
		}
		return good(m)
	})
	if _, err := stun.Ask(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	if a, b := <-requests, <-requests; a.TransactionID != b.TransactionID {
		t.Error("the second request is another transaction")
	}
}

func TestAskPassesOverWhatIsNotItsAnswer(t *testing.T) {
	conn, _ := server(t, func(m *pion.Message) [][]byte {
		other := pion.New()
		other.TransactionID = pion.NewTransactionID()
		lie := &pion.XORMappedAddress{IP: net.IPv4(6, 6, 6, 6), Port: 1}
		damaged := build(m, pion.BindingSuccess, lie, pion.Fingerprint)
		damaged[len(damaged)-1] ^= 1
		return append([][]byte{
			{}, []byte("no STUN"),
			build(other, pion.BindingSuccess, lie),
			build(m, pion.BindingRequest, lie),
			damaged,
		}, good(m)...)
	})
	if got, err := stun.Ask(t.Context(), conn); err != nil || got.String() != "11.22.33.44" {
		t.Fatalf("got %v, %v", got, err)
	}
}

func TestAskRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		answer reply
		want   string
	}{
		"error": {func(m *pion.Message) [][]byte {
			return [][]byte{build(m, pion.BindingError, pion.CodeUnauthorized)}
		}, "error 401"},
		"bare error": {func(m *pion.Message) [][]byte { return [][]byte{build(m, pion.BindingError)} }, "without a reason"},
		"no address": {func(m *pion.Message) [][]byte { return [][]byte{build(m, pion.BindingSuccess)} }, "exactly one"},
		"plain address only": {func(m *pion.Message) [][]byte {
			return [][]byte{build(m, pion.BindingSuccess, &pion.MappedAddress{IP: seen, Port: 1})}
		}, "exactly one"},
		"two addresses": {func(m *pion.Message) [][]byte {
			a := &pion.XORMappedAddress{IP: seen, Port: 1}
			return [][]byte{build(m, pion.BindingSuccess, a, a)}
		}, "exactly one"},
		"unknown demand": {func(m *pion.Message) [][]byte {
			return [][]byte{build(m, pion.BindingSuccess, pion.RawAttribute{Type: 0x7abc}, &pion.XORMappedAddress{IP: seen})}
		}, "0x7abc"},
		"flood": {func(m *pion.Message) [][]byte {
			var flood [][]byte
			for range 80 {
				flood = append(flood, []byte("x"))
			}
			return flood
		}, "too many"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, _ := server(t, c.answer)
			if got, err := stun.Ask(t.Context(), conn); err == nil || !strings.Contains(err.Error(), c.want) || got.IsValid() {
				t.Errorf("got %v, %v, want an error with %q", got, err, c.want)
			}
		})
	}
}

func TestAskEndsWithItsContext(t *testing.T) {
	conn, requests := server(t, func(*pion.Message) [][]byte { return nil })
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-requests; cancel() }()
	if got, err := stun.Ask(ctx, conn); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v", got, err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if got, err := stun.Ask(ctx, conn); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAskReadsIPv6(t *testing.T) {
	conn, _ := server(t, func(m *pion.Message) [][]byte {
		return [][]byte{build(m, pion.BindingSuccess, &pion.XORMappedAddress{IP: net.ParseIP("2a02::1"), Port: 1})}
	})
	if got, err := stun.Ask(t.Context(), conn); err != nil || got.String() != "2a02::1" {
		t.Fatalf("got %v, %v", got, err)
	}
}

func FuzzParse(f *testing.F) {
	request := pion.MustBuild(pion.NewTransactionIDSetter([12]byte{1, 2, 3}), pion.BindingRequest)
	f.Add(good(request)[0])
	f.Add(build(request, pion.BindingError, pion.CodeUnauthorized))
	f.Add(build(request, pion.BindingSuccess, &pion.XORMappedAddress{IP: net.ParseIP("2a02::1")}))
	f.Add([]byte("\x01\x01\x00\x00\x21\x12\xa4\x42"))
	f.Fuzz(func(t *testing.T, datagram []byte) {
		before := string(datagram)
		addr, err := stun.Parse(datagram, request.TransactionID)
		if (err == nil) != addr.IsValid() || addr.Is4In6() {
			t.Fatalf("%v, %v", addr, err)
		}
		if string(datagram) != before {
			t.Fatal("the datagram was changed")
		}
		if err == nil && (len(datagram) < 20 || string(datagram[8:20]) != string(request.TransactionID[:])) {
			t.Fatal("the answer of another transaction was read")
		}
	})
}
