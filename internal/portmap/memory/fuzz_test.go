package memory_test

import (
	"reflect"
	"testing"

	"github.com/edgeguard/edgeguard/internal/portmap/memory"
)

// FuzzParse holds that any text gives an error or what can be written and read
// again unchanged, within the bounds.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"version":1}`))
	f.Add([]byte(`{"version":1,"routers":[{"id":"uuid:1","gateway":"192.168.1.1","endless":true,"method":"pcp","own_host_only":"2026-01-02T03:04:05Z"}],` +
		`"made":[{"router":"uuid:1","protocol":"TCP","external_port":8883,"internal":"192.168.1.10:8883","description":"edgeguard mqtt","method":"igd"},` +
		`{"router":"uuid:1","protocol":"UDP","external_port":1,"internal":"[2001:db8::1]:1","method":"pcp","nonce":"000102030405060708090a0b"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		routers, made, err := memory.Parse(raw)
		if err != nil {
			return
		}
		if len(routers) > memory.MaxRouters || len(made) > memory.MaxMade {
			t.Fatalf("%d routers, %d forwards", len(routers), len(made))
		}
		text, err := memory.Encode(routers, made)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, madeAgain, err := memory.Parse(text)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, text)
		}
		for i := range again {
			if !again[i].OwnHostOnly.Equal(routers[i].OwnHostOnly) {
				t.Fatalf("read %+v, then %+v", routers[i], again[i])
			}
			again[i].OwnHostOnly = routers[i].OwnHostOnly
		}
		if len(routers)+len(again) > 0 && !reflect.DeepEqual(routers, again) || len(made)+len(madeAgain) > 0 && !reflect.DeepEqual(made, madeAgain) {
			t.Fatalf("read %+v %+v, then %+v %+v", routers, made, again, madeAgain)
		}
	})
}
