package provider_test

// What holds for every keeper of whole zones, on the real wire.

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/ddns/ddnstest"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
)

// zoneFake is what the tests use of the fake of such a keeper.
type zoneFake interface {
	fake
	Put(ddnstest.Record) string
	Records(name, rtype string) []ddnstest.Record
}

// eachZone runs f for every keeper of whole zones.
func eachZone(t *testing.T, f func(t *testing.T, w *web, rec record, z zoneFake)) {
	for _, word := range []string{"cloudflare", "desec", "porkbun", "ovh", "netcup", "ionos"} {
		t.Run(word, func(t *testing.T) {
			w := newWeb(t)
			rec, z := w.account(word)
			f(t, w, rec, z.(zoneFake))
		})
	}
}

// put adds a record as a person would.
func put(z zoneFake, name, content string, ttl int) {
	rtype := "A"
	if strings.Contains(content, ":") {
		rtype = "AAAA"
	}
	z.Put(ddnstest.Record{Name: name, Type: rtype, Content: content, TTL: ttl})
}

// contents are what the records of a name and type say, in order.
func contents(z zoneFake, name, rtype string) string {
	var list []string
	for _, r := range z.Records(name, rtype) {
		list = append(list, r.Content)
	}
	return strings.Join(list, " ")
}

// The address of one family changes; the other family, the TTL, and every other
// name stay as they are.
func TestZoneSetChangesOneRecordOnly(t *testing.T) {
	eachZone(t, func(t *testing.T, w *web, rec record, z zoneFake) {
		put(z, dynName, addrB.String(), 4321)
		put(z, dynName, addr7.String(), 4321)
		put(z, "x."+dynName, "11.0.0.9", 4321)
		put(z, "example.org", "11.0.0.8", 4321)
		put(z, "*.example.org", "11.0.0.7", 4321)
		for _, addr := range []netip.Addr{netip.MustParseAddr("::ffff:11.22.33.44"), addr6} {
			shown, err := w.set(t, rec, addr)
			if err != nil || shown.IsValid() && shown != addr.Unmap() {
				t.Fatalf("Set(%s) = %v, %v", addr, shown, err)
			}
		}
		for _, want := range [][3]string{{dynName, "A", addrA.String()}, {dynName, "AAAA", addr6.String()},
			{"x." + dynName, "A", "11.0.0.9"}, {"example.org", "A", "11.0.0.8"}, {"*.example.org", "A", "11.0.0.7"}} {
			if got := contents(z, want[0], want[1]); got != want[2] {
				t.Errorf("%s %s is %q, want %q", want[0], want[1], got, want[2])
			}
		}
		for _, rtype := range []string{"A", "AAAA"} {
			if ttl := z.Records(dynName, rtype)[0].TTL; rec.Provider != "netcup" && ttl != 4321 {
				t.Errorf("the TTL of %s is %d, want that of before", rtype, ttl)
			}
		}
	})
}

func TestZoneSetCreates(t *testing.T) {
	for _, domain := range []string{dynName, "example.org", "*.example.org", "a.b.example.org"} {
		eachZone(t, func(t *testing.T, w *web, rec record, z zoneFake) {
			rec.Domain = domain
			for _, addr := range []netip.Addr{addrA, addr6} {
				if shown, err := w.set(t, rec, addr); err != nil || shown.IsValid() && shown != addr {
					t.Fatalf("Set(%s, %s) = %v, %v", domain, addr, shown, err)
				}
			}
			a, aaaa := z.Records(domain, "A"), z.Records(domain, "AAAA")
			if len(a) != 1 || a[0].Content != addrA.String() || len(aaaa) != 1 || aaaa[0].Content != addr6.String() {
				t.Errorf("the records are %+v and %+v", a, aaaa)
			}
			if a[0].TTL == 0 {
				t.Error("the TTL is zero")
			}
		})
	}
}

// A second Set finds the record right and sends no change but, at OVH, that the
// zone be published.
func TestZoneSetOfWhatIsThereSendsNoChange(t *testing.T) {
	eachZone(t, func(t *testing.T, w *web, rec record, z zoneFake) {
		if rec.Provider == "cloudflare" {
			t.Skip("the library always sends the change, which changes nothing")
		}
		put(z, dynName, addrA.String(), 4321)
		if shown, err := w.set(t, rec, addrA); err != nil || shown != addrA {
			t.Fatalf("Set = %v, %v", shown, err)
		}
		for _, r := range z.Requests() {
			if changesRecord(rec.Provider)(r) {
				t.Errorf("sent %+v", r)
			}
		}
	})
}

// Records with ids of their own may be a person's: none is chosen. A set of
// records is replaced as one.
func TestZoneSeveralRecords(t *testing.T) {
	eachZone(t, func(t *testing.T, w *web, rec record, z zoneFake) {
		put(z, dynName, "11.0.0.1", 600)
		put(z, dynName, "11.0.0.2", 600)
		_, err := w.set(t, rec, addrA)
		if rec.Provider == "desec" {
			if err != nil || contents(z, dynName, "A") != addrA.String() {
				t.Errorf("error is %v, the records are %s", err, contents(z, dynName, "A"))
			}
			return
		}
		if f := wantFault(t, err, provider.Failed, rec.Token.Reveal()); !contains(f.Text, "2 A records") || !contains(f.Action, "Delete all but one") {
			t.Errorf("fault is %+v", f)
		}
		if got := contents(z, dynName, "A"); got != "11.0.0.1 11.0.0.2" {
			t.Errorf("the records are %s", got)
		}
	})
}

func TestZoneDeleteTakesOneRecordAway(t *testing.T) {
	eachZone(t, func(t *testing.T, w *web, rec record, z zoneFake) {
		for _, name := range []string{dynName, "x." + dynName} {
			put(z, name, addrA.String(), 600)
			put(z, name, addr6.String(), 600)
		}
		if err := w.del(t, rec, addrB); err != nil || contents(z, dynName, "A") != addrA.String() {
			t.Fatalf("deleting what says something else: %v, left %s", err, contents(z, dynName, "A"))
		}
		for range 2 { // the second time there is nothing left, which is no error
			if err := w.del(t, rec, addrA); err != nil {
				t.Fatal(err)
			}
			if got := contents(z, dynName, "A"); got != "" {
				t.Errorf("left %s", got)
			}
		}
		if got := contents(z, dynName, "AAAA") + contents(z, "x."+dynName, "A") + contents(z, "x."+dynName, "AAAA"); got != addr6.String()+addrA.String()+addr6.String() {
			t.Errorf("the other records are %s", got)
		}
		if o, ok := z.(*ddnstest.OVH); ok && len(o.Published(dynName, "A"))+1 != len(o.Published(dynName, "AAAA")) {
			t.Errorf("published are %v", o.Published(dynName, "A"))
		}
	})
}

// Final dots, of the zone and of the domain, go nowhere on the wire.
func TestZoneTrailingDots(t *testing.T) {
	eachZone(t, func(t *testing.T, w *web, rec record, z zoneFake) {
		rec.Zone = "example.org."
		rec.Domain += "."
		if _, err := w.set(t, rec, addrA); err != nil || contents(z, dynName, "A") != addrA.String() {
			t.Errorf("error is %v, the records are %q", err, contents(z, dynName, "A"))
		}
	})
}

func TestZoneThatIsNotTheAccounts(t *testing.T) {
	eachZone(t, func(t *testing.T, w *web, rec record, _ zoneFake) {
		rec.Domain = "home.example.net"
		_, err := w.set(t, rec, addrA)
		kind := provider.Failed
		if rec.Provider == "porkbun" { // which says no more than "Invalid domain"
			kind = provider.Doubtful
		}
		if f := wantFault(t, err, kind, rec.Token.Reveal()); f.Action == "" && rec.Provider != "netcup" && rec.Provider != "desec" {
			t.Errorf("no action: %+v", f)
		}
	})
}

// A change that was sent and whose answer nobody can read leaves its outcome
// open; a refusal in the API's own words does not.
func TestZoneAnswersToTheChange(t *testing.T) {
	for what, c := range map[string]struct {
		answer http.HandlerFunc
		kind   provider.FaultKind
	}{
		"page with 200": {ddnstest.Echo(200), provider.Unclear},
		"page with 502": {ddnstest.Echo(502), provider.Unclear},
		"empty 500":     {ddnstest.Answer(500, ""), provider.Unclear},
		"429":           {ddnstest.Answer(429, "", "Retry-After", "60"), provider.Limited},
		"redirect":      {ddnstest.Redirect("https://elsewhere.example/"), provider.Failed},
	} {
		t.Run(what, func(t *testing.T) {
			eachZone(t, func(t *testing.T, w *web, rec record, z zoneFake) {
				put(z, dynName, addrB.String(), 600)
				z.MisbehaveWhen(changesRecord(rec.Provider), c.answer)
				_, err := w.set(t, rec, addrA)
				wantFault(t, err, c.kind, rec.Token.Reveal())
			})
		})
	}
}

// changesRecord tells the requests that change a record.
func changesRecord(word string) func(ddnstest.Request) bool {
	return func(r ddnstest.Request) bool {
		switch word {
		case "porkbun":
			return strings.Contains(r.Path, "/edit/") || strings.Contains(r.Path, "/create/") || strings.Contains(r.Path, "/delete/")
		case "netcup":
			return strings.Contains(r.Body, `"updateDnsRecords"`)
		}
		return r.Method != http.MethodGet && !strings.HasSuffix(r.Path, "/refresh")
	}
}

// An answer that names another address than was sent is passed on as it is.
func TestZoneEchoOfAnotherAddress(t *testing.T) {
	for word, body := range map[string]string{
		"desec":  `{"subname":"home","type":"A","ttl":3600,"records":["11.22.33.55"]}`,
		"ionos":  `{"id":"1001","name":"home.example.org","type":"A","content":"11.22.33.55","ttl":3600}`,
		"netcup": `{"action":"updateDnsRecords","status":"success","responsedata":{"dnsrecords":[{"id":"1001","hostname":"home","type":"A","priority":"0","destination":"11.22.33.55"}]}}`,
	} {
		t.Run(word, func(t *testing.T) {
			w := newWeb(t)
			rec, f := w.account(word)
			z := f.(zoneFake)
			put(z, dynName, "11.0.0.1", 3600)
			z.MisbehaveWhen(changesRecord(word), ddnstest.Answer(200, body))
			if shown, err := w.set(t, rec, addrA); err != nil || shown != addrB {
				t.Errorf("Set = %v, %v; want the address that the API shows", shown, err)
			}
		})
	}
}

func TestOVHPublishesWhatAnEarlierCallCouldNot(t *testing.T) {
	w := newWeb(t)
	rec, _ := w.account("ovh")
	if _, err := w.set(t, rec, addrB); err != nil {
		t.Fatal(err)
	}
	id := w.ovh.Records(dynName, "A")[0]
	id.Content = addrA.String()
	w.ovh.Put(id) // changed, and not published
	if shown, err := w.set(t, rec, addrA); err != nil || shown != addrA {
		t.Fatalf("Set = %v, %v", shown, err)
	}
	if got := w.ovh.Published(dynName, "A"); len(got) != 1 || got[0].Content != addrA.String() {
		t.Errorf("published are %v", got)
	}
}

func TestIONOSFailedLookUpMakesNoSecondRecord(t *testing.T) {
	w := newWeb(t)
	rec, _ := w.account("ionos")
	put(w.ionos, dynName, addrB.String(), 600)
	w.ionos.MisbehaveWhen(func(r ddnstest.Request) bool { return strings.Contains(r.Query, "recordName") }, ddnstest.Answer(500, ""))
	_, err := w.set(t, rec, addrA)
	wantFault(t, err, provider.Failed, apiToken)
	if n := len(w.ionos.Requests()); n != 2 {
		t.Errorf("%d requests, want the two look-ups", n)
	}
}

func TestIONOSSwitchesARecordOn(t *testing.T) {
	w := newWeb(t)
	rec, _ := w.account("ionos")
	w.ionos.Put(ddnstest.Record{Name: dynName, Type: "A", Content: addrA.String(), TTL: 600, Disabled: true})
	if _, err := w.set(t, rec, addrA); err != nil || w.ionos.Records(dynName, "A")[0].Disabled {
		t.Errorf("error is %v, the record is %+v", err, w.ionos.Records(dynName, "A"))
	}
}

func TestNetcupLogsOutAndHidesItsSession(t *testing.T) {
	w := newWeb(t)
	rec, _ := w.account("netcup")
	put(w.netcup, dynName, addrB.String(), 300)
	w.netcup.MisbehaveWhen(changesRecord("netcup"), ddnstest.Answer(200,
		fmt.Sprintf(`{"action":"updateDnsRecords","status":"error","statuscode":4001,"shortmessage":"Session","longmessage":"%s expired"}`, ddnstest.NetcupSession)))
	_, err := w.set(t, rec, addrA)
	wantFault(t, err, provider.Failed, ddnstest.NetcupSession)
	if w.netcup.LoggedIn() {
		t.Error("the session was left open")
	}
}

func TestCloudflareSaysThatARecordIsProxied(t *testing.T) {
	w := newWeb(t)
	id := w.cf.Put(ddnstest.Record{Type: "A", Name: dynName, Content: addrB.String(), TTL: 300, Proxied: true})
	p := w.adaptor(t, cfRecord(dynName))
	if _, err := p.Set(t.Context(), dynName, addrA); err != nil || !p.(provider.Proxier).Proxied() {
		t.Errorf("error is %v, proxied is %v", err, p.(provider.Proxier).Proxied())
	}
	w.cf.Put(ddnstest.Record{ID: id, Type: "A", Name: dynName, Content: addrA.String(), TTL: 300})
	if _, err := p.Set(t.Context(), dynName, addrB); err != nil || p.(provider.Proxier).Proxied() {
		t.Errorf("error is %v, proxied is %v", err, p.(provider.Proxier).Proxied())
	}
}

func TestDeSECCreatesWithTheLeastTTLThatTheZoneTakes(t *testing.T) {
	w := newWeb(t)
	rec, _ := w.account("desec")
	if _, err := w.set(t, rec, addrA); err != nil || w.desec.Records(dynName, "A")[0].TTL != 3600 {
		t.Errorf("error is %v, the record is %+v", err, w.desec.Records(dynName, "A"))
	}
}
