//go:build linux

package lab_test

// Names that are proved in a zone of one's own: a wildcard, an alias, and a name
// server that lags.

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

// Short lives are renewed when the CA says so, and that is at once: a CA that has
// a certificate to revoke does.
const shortLife = 400 * time.Second

// renewFirst has the CA want the first certificate renewed that it is asked about,
// and answer as usual for all others.
func renewFirst(h *acmeHome) {
	var mu sync.Mutex
	first := ""
	h.ca.Disturb(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, lab.ACMERenewalInfo) {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		if first == "" {
			first = r.URL.Path
		}
		if r.URL.Path != first {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Retry-After", "3600")
		past := time.Now().Add(-time.Hour).UTC()
		fmt.Fprintf(w, `{"suggestedWindow":{"start":%q,"end":%q}}`, past.Format(time.RFC3339), past.Add(time.Minute).Format(time.RFC3339))
		return true
	})
}

func TestACMEOwnZoneWildcardAliasAndASlowServer(t *testing.T) {
	t.Parallel() // it waits more than it works
	const name, alias = lab.PrimaryName, "mqtt.example.com"
	h := newACMEHome(t, lab.ACMEOptions{Lifetime: shortLife})
	p := h.StartPrimary(t)
	second := p.StartSecondary(t, h.Home)
	if err := h.inet.DNS.Insert("_acme-challenge." + alias + ". 5 IN CNAME elsewhere." + lab.PrimaryZone + "."); err != nil {
		t.Fatal(err)
	}
	renewFirst(h)
	d := h.start(t, lab.EdgeguardOptions{DDNS: p.Section(t, lab.PrimaryServer, p.Secret)},
		fmt.Sprintf("names = [%q, %q, %q]\nkey = \"ecdsa-p256\"\n", name, "*."+name, alias), p.ProofSection(t))

	// The proofs are all in the zone, and one of its servers does not show them: the
	// CA, which may ask either, is not told to look.
	proof, elsewhere := "_acme-challenge."+name, "elsewhere."+lab.PrimaryZone
	lab.Eventually(t, lab.Patience, func() error {
		if max(second.Asked(proof), second.Asked(elsewhere)) < 2 { // which is looked for first is left open
			return errors.New("the slow server was not asked twice for a proof")
		}
		return nil
	})
	for at, want := range map[string]int{proof: 2, elsewhere: 1} {
		if texts, err := p.TXT(at); err != nil || len(texts) != want {
			t.Errorf("%s has the proofs %q, %v; want %d", at, texts, err, want)
		}
	}
	if told := h.ca.Accepted(lab.ACMEChallenge); told != 0 {
		t.Errorf("the CA was told to look %d times, though a server lags", told)
	}
	second.Follow(t)

	h.broker.StartHanded(t, "env", "EDGEGUARD_POLL=1", "EDGEGUARD_CERT_DIR="+h.folder, reloadScript(t))
	first := h.serves(t, d, name, "")
	if want := []string{"*." + name, name, alias}; !slices.Equal(slices.Sorted(slices.Values(first.Held.Names)), want) {
		t.Errorf("the certificate is for %q", first.Held.Names)
	}
	if told := h.ca.Accepted(lab.ACMEChallenge); told != 3 {
		t.Errorf("the CA was told to look %d times, want once for each name", told)
	}
	lab.Eventually(t, lab.Patience, h.works(name))
	live := h.Subscribe(t, h.Phone, name, h.ca.Root)

	renewed := h.serves(t, d, "any."+name, first.Held.SHA256)
	if renewed.Held.SPKI != first.Held.SPKI {
		t.Error("the renewal changed the key")
	}
	if orders := h.ca.Accepted(lab.ACMENewOrder); orders != 2 {
		t.Errorf("%d orders for two certificates", orders)
	}
	lab.Eventually(t, lab.Patience, h.works(name))
	lab.Eventually(t, lab.Patience, livesOn(live))
	for _, at := range []string{proof, elsewhere} {
		if texts, err := p.TXT(at); err != nil || len(texts) != 0 {
			t.Errorf("%s still has the proofs %q, %v", at, texts, err)
		}
	}
}

// reloadScript is the watcher that goes beside a broker in a container.
func reloadScript(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../deploy/mosquitto-reload.sh")
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}
