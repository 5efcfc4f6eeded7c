//go:build linux

package lab

// A service in the internet that is told things by webhooks.

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"testing"
)

// Where the service of StartHooks is.
var hooksAddr = netip.MustParseAddr("11.22.33.56")

const (
	hooksName = "hooks.example.net"
	// HooksURL is where it takes webhooks, by POST.
	HooksURL = "https://" + hooksName + "/edgeguard?token=Lab-t0ken-of-hooks"
)

// Hook is what a webhook told, as docs/configuration.md describes it.
type Hook struct {
	Event   string  `json:"event"`
	Title   string  `json:"title"`
	Message string  `json:"message"`
	IPv4    *string `json:"wan_ipv4"`
	Records []struct {
		Name     string `json:"name"`
		Type     string `json:"type"`
		Address  string `json:"address"`
		Verified bool   `json:"verified"`
	} `json:"records"`
	Facts []struct {
		Event string `json:"event"`
		Old   string `json:"old"`
		New   string `json:"new"`
	} `json:"facts"`
}

// Hooks is the running service. Its methods may be called at any time.
type Hooks struct {
	mu   sync.Mutex
	told []Hook  // guarded by mu
	odd  []error // guarded by mu; what was no webhook
}

// StartHooks starts the service on an address of its own, with a certificate of
// the home's CA. The public DNS must run. What comes and is no webhook fails
// the test.
func (h *Home) StartHooks(t testing.TB) *Hooks {
	t.Helper()
	h.addInternetAddress(t, hooksAddr)
	if err := h.dns.SetA(hooksName, hooksAddr); err != nil {
		t.Fatal(err)
	}
	k := &Hooks{}
	t.Cleanup(func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		for _, err := range k.odd {
			t.Error(err)
		}
	})
	h.serveHTTPS(t, h.WAN, hooksAddr, k, h.CA.Issue(t, hooksName))
	return k
}

// ServeHTTP takes a webhook.
func (k *Hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var hook Hook
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err == nil {
		err = json.Unmarshal(body, &hook)
	}
	if url := "https://" + r.Host + r.URL.String(); err == nil && (r.Method != http.MethodPost || url != HooksURL) {
		err = fmt.Errorf("it is %s %s", r.Method, url)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		k.odd = append(k.odd, fmt.Errorf("what came is no webhook: %w: %q", err, body))
		http.Error(w, "no webhook", http.StatusBadRequest)
		return
	}
	k.told = append(k.told, hook)
}

// Told is all that was told so far, in its order.
func (k *Hooks) Told() []Hook {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.told)
}
