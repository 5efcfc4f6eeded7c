package ddns_test

// The manager's tests over real HTTPS: the fakes of ddnstest under the
// providers' names.

import (
	"net/http"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/ddns/ddnstest"
	"github.com/edgeguard/edgeguard/internal/ddns/provider"
	"github.com/edgeguard/edgeguard/internal/secret"
)

const cfToken = "Zk3vQ9xW7yLr2TnB5hGm8sPd1cFj4uEa0oXi6tRb"

// web is the providers on the wire, and a config that leads to them.
type web struct {
	*ddnstest.Web
	duck *ddnstest.DuckDNS
	cf   *ddnstest.Cloudflare
	cfg  ddns.Config
}

func newWeb(t *testing.T) *web {
	t.Helper()
	w := &web{
		duck: ddnstest.NewDuckDNS(token, "myhome"),
		cf:   ddnstest.NewCloudflare(cfToken, "example.org", "example.co.uk"),
	}
	w.Web = ddnstest.NewWeb(t, map[string]http.Handler{"www.duckdns.org": w.duck, "api.cloudflare.com": w.cf})
	w.cfg = ddns.Config{RootCAs: w.Roots, Timeout: 5 * time.Second, Dial: w.Dial}
	return w
}

func duckRecord() ddns.RecordConfig { return record("duckdns", name, token) }

func cfRecord(domain string) ddns.RecordConfig { return record("cloudflare", domain, cfToken) }

func record(kind, domain, token string) ddns.RecordConfig {
	return ddns.RecordConfig{Account: provider.Account{Provider: kind, Token: secret.New(token)}, Domain: domain}
}
