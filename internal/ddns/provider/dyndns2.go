package provider

// The dyndns2 protocol (help.dyn.com/remote-access-api), which many services
// and routers speak: one GET per change, and an answer of one word. Its rules
// are strict, and who breaks them is blocked: never send what is unchanged,
// never repeat what was refused.

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/edgeguard/edgeguard/internal/secret"
)

const maxDyn = 64 << 10

// dynService is one service's dialect.
type dynService struct {
	kind Kind
	host string // where it is; empty means that the account says
	// six is the parameter of an IPv6 address, empty for "myip" as well. none,
	// where not empty, is what the parameter of the other family is set to, so
	// that it stays as it is.
	six, none string
	// user is what stands for the user's name: "" the account's own, "domain"
	// the domain, anything else itself.
	user string
}

// dynServices are the services by their word. What one call does to the other
// family is known for No-IP ("A and AAAA individually"), Dynu (=no) and
// Hurricane Electric (a key per record). Dyn takes the other family away; of the
// rest nothing is written down. dynv6 keeps only IPv4 this way.
var dynServices = func() map[string]dynService {
	services := map[string]dynService{}
	for _, s := range dynList {
		s.kind.TokenIs = orElse(s.kind.TokenIs, "the password")
		if s.kind.User == Must {
			s.kind.UserIs = orElse(s.kind.UserIs, "the user's name")
		}
		services[s.kind.Word] = s
	}
	return services
}()

var dynList = []dynService{
	{kind: Kind{Word: "he", AAAA: true, TokenIs: "the dynamic DNS key of the record at dns.he.net"}, host: "dyn.dns.he.net", user: "domain"},
	{kind: Kind{Word: "noip", User: Must, AAAA: true, UserIs: "the user's name of the DDNS key", TokenIs: "the password of the DDNS key"}, host: "dynupdate.no-ip.com"},
	{kind: Kind{Word: "dynu", User: Must, AAAA: true}, host: "api.dynu.com", six: "myipv6", none: "no"},
	{kind: Kind{Word: "dynv6", TokenIs: "the HTTP token"}, host: "dynv6.com", user: "none"},
	{kind: Kind{Word: "strato", User: Must, AAAA: true, OneFamily: true, UserIs: "the domain that the password was set for"}, host: "dyndns.strato.com"},
	{kind: Kind{Word: "inwx", User: Must, AAAA: true, OneFamily: true, UserIs: "the user's name of the DynDNS account"}, host: "dyndns.inwx.com", six: "myipv6"},
	{kind: Kind{Word: "dyn", User: Must, AAAA: true, OneFamily: true, TokenIs: "the updater client key"}, host: "members.dyndns.org"},
	{kind: Kind{Word: "dyndns2", Server: Must, User: Must, AAAA: true, OneFamily: true, ServerIs: "the service, as HOST or as https://HOST/PATH"}},
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// dynKinds are the kinds of the services, in order.
func dynKinds() []Kind {
	var list []Kind
	for _, s := range dynList {
		list = append(list, dynServices[s.kind.Word].kind)
	}
	return list
}

// dynRecord is the adaptor for one name.
type dynRecord struct {
	service   dynService
	at        *url.URL
	user      string
	token     secret.Value
	agent     string
	transport http.RoundTripper
}

func newDyn(cfg Config, service dynService, domain string, a Account) (Provider, error) {
	server := service.host
	if server == "" {
		server = a.Server
	}
	at, err := dynURL(server)
	if err != nil {
		return nil, fmt.Errorf("the server of %s: %w", domain, err)
	}
	user := a.User
	switch service.user {
	case "":
	case "domain":
		user = domain
	default:
		user = service.user
	}
	if strings.ContainsRune(user, ':') {
		return nil, fmt.Errorf("the user of %s has a colon, which HTTP's basic authentication cannot carry", domain)
	}
	return &dynRecord{service: service, at: at, user: user, token: a.Token, agent: cfg.agent(), transport: newTransport(cfg)}, nil
}

// dynURL makes the URL of "host", "host:port", "host/path" or "https://…". The
// path is /nic/update where there is none.
func dynURL(server string) (*url.URL, error) {
	if !strings.Contains(server, "://") {
		server = "https://" + server
	}
	at, err := url.Parse(server)
	switch {
	case err != nil:
		return nil, fmt.Errorf("it is no URL")
	case at.Scheme != "https":
		return nil, fmt.Errorf("it must be https, as the password would be readable on the way")
	case at.User != nil:
		return nil, fmt.Errorf("write the user and the password under their own keys, not into the URL")
	case at.Hostname() == "" || at.Fragment != "":
		return nil, fmt.Errorf("write HOST, HOST:PORT or https://HOST/PATH")
	}
	if at.Path == "" || at.Path == "/" {
		at.Path = "/nic/update"
	}
	return at, nil
}

// secrets are the token, and the two forms in which it goes on the wire.
func (d *dynRecord) secrets() []secret.Value {
	return []secret.Value{secret.New(d.user + ":" + d.token.Reveal()), d.token}
}

// Set implements Provider.
func (d *dynRecord) Set(ctx context.Context, domain string, addr netip.Addr) (netip.Addr, error) {
	shown, err := d.set(ctx, strings.TrimSuffix(domain, "."), addr.Unmap())
	return shown, Sealed(err, d.secrets()...)
}

func (d *dynRecord) set(ctx context.Context, domain string, addr netip.Addr) (netip.Addr, error) {
	if addr.Is6() && !d.service.kind.AAAA {
		return netip.Addr{}, &Fault{Kind: Final, Text: d.at.Host + " keeps no IPv6 addresses this way"}
	}
	at := *d.at
	query := at.Query()
	query.Set("hostname", domain)
	ours, other := "myip", orElse(d.service.six, "myip")
	if addr.Is6() {
		ours, other = other, ours
	}
	if d.service.none != "" {
		query.Set(other, d.service.none)
	}
	query.Set(ours, addr.String())
	at.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return netip.Addr{}, &Fault{Kind: Failed, Text: "making the request to " + d.at.Host + " failed"}
	}
	req.Header.Set("User-Agent", d.agent)
	req.SetBasicAuth(d.user, d.token.Reveal())
	resp, body, err := roundTrip(d.transport, req, d.at.Host, maxDyn)
	if err != nil {
		return netip.Addr{}, err
	}
	return dynAnswer(resp, body, d.at.Host, addr)
}

// Delete implements Provider.
func (d *dynRecord) Delete(context.Context, string, netip.Addr) error {
	return &Fault{Kind: Final, Text: "the protocol of " + d.at.Host + " cannot delete a record", Action: "Keep the record, or delete it at the provider's."}
}
