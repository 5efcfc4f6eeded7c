//go:build linux

package lab_test

// A CA that has no time.

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

// busyTime is for how long the CA does not want to be asked. It is more than the
// minute that the daemon waits by itself after a failure.
const busyTime = 75 * time.Second

// A CA's limit is kept, also by a daemon that was restarted since, which asks
// nothing that counts before the time is over.
func TestACMELimitOutlivesARestart(t *testing.T) {
	t.Parallel() // it waits more than it works
	const name = lab.DuckDNSName
	h := newACMEHome(t, lab.ACMEOptions{})
	var mu sync.Mutex
	var told time.Time // when the CA refused
	early := 0         // orders before its time was over
	h.ca.Disturb(func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if !strings.HasPrefix(r.URL.Path, lab.ACMENewOrder) || !told.IsZero() && time.Since(told) >= busyTime {
			return false
		}
		if told.IsZero() {
			told = time.Now()
		} else {
			early++
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", fmt.Sprint(int(busyTime.Seconds())))
		w.WriteHeader(http.StatusTooManyRequests)
		fmt.Fprint(w, `{"type":"urn:ietf:params:acme:error:rateLimited","status":429,"detail":"too many new orders recently"}`)
		return true
	})
	d := h.start(t, lab.EdgeguardOptions{Provider: "duckdns"}, "key = \"ecdsa-p256\"\n"+h.bySignal(), "")
	lab.Eventually(t, lab.Patience, fails(d, "limit on requests is reached: too many new orders recently"))
	d.Kill()
	d.Start(t)
	lab.Eventually(t, lab.Patience, fails(d, "limit on requests is reached"))
	if code, out := d.Run(t, "cert", "renew"); code != 0 { // an impatient person changes nothing
		t.Fatalf("cert renew: %d\n%s", code, out)
	}

	h.broker.StartHanded(t)
	h.serves(t, d, name, "")
	mu.Lock()
	defer mu.Unlock()
	if early > 0 {
		t.Errorf("%d orders came before the CA's time was over", early)
	}
}
