package config

// The keys of an account against rows of the provider table that are made up
// here, so that the rules are tested and not the table.

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/ddns/provider"
)

var full = provider.Kind{
	Word: "full", Zone: provider.Must, Server: provider.Must, User: provider.Must, Key: provider.Must, Algorithm: provider.May,
	Wildcard: true, Delete: true, TokenIs: "the first secret", ServerIs: "the server", UserIs: "the user", KeyIs: "the second secret",
}

func given(key, v string) text {
	return text{v: v, at: origin{"f.toml", 7, "ddns[0]." + key}, given: true, ok: true}
}

// wholeTable is a [[ddns]] with everything.
func wholeTable() rawDDNS {
	return rawDDNS{
		Head: origin{"f.toml", 6, "ddns[0]"}, Zone: given("zone", "Example.org."), Server: given("server", " ns.example.org:53 "),
		User: given("user", "me"), Algorithm: given("algorithm", "hmac-sha512"),
		Token: secretText{given("token", "first-secret-1")}, Key: secretText{given("key", "second secret ü 2")},
	}
}

func testBuilder() *builder {
	return &builder{file: "f.toml", readFile: func(string, int64) (File, error) { return File{}, fs.ErrNotExist }}
}

func said(b *builder) string {
	if err := b.err("f.toml"); err != nil {
		return err.Error()
	}
	return ""
}

func TestAccountTakesAllItNeeds(t *testing.T) {
	b := testBuilder()
	var a provider.Account
	b.account(wholeTable(), &full, "*.example.org", true, &a)
	if text := said(b); text != "" {
		t.Fatal(text)
	}
	if a.Zone != "example.org" || a.Server != "ns.example.org:53" || a.User != "me" || a.Algorithm != "hmac-sha512" ||
		a.Token.Reveal() != "first-secret-1" || a.Key.Reveal() != "second secret ü 2" {
		t.Errorf("%+v", a)
	}
}

func TestAccountSaysWhatIsMissingAndTooMuch(t *testing.T) {
	none := rawDDNS{Head: origin{"f.toml", 6, "ddns[0]"}}
	for name, test := range map[string]struct {
		raw   rawDDNS
		kind  *provider.Kind
		alone bool
		want  []string
	}{
		"nothing given": {none, &full, true, []string{
			"6: ddns[0].zone: missing; write the part of the domain", "as full needs it",
			"6: ddns[0].server: missing; write the server, as full needs it",
			"6: ddns[0].user: missing; write the user, as full needs it",
			"6: ddns[0].token_file: missing; write the path of a file with the first secret as its only content, or set EDGEGUARD_DDNS_TOKEN",
			"6: ddns[0].key_file: missing; write the path of a file with the second secret as its only content, or set EDGEGUARD_DDNS_KEY",
		}},
		"of the environment": {rawDDNS{Head: origin{file: Environment}}, &full, true, []string{
			"environment: EDGEGUARD_DDNS_SERVER: missing", "environment: EDGEGUARD_DDNS_KEY: missing; set it to the second secret, or set EDGEGUARD_DDNS_KEY_FILE",
		}},
		"no use for any": {wholeTable(), &provider.Kind{Word: "bare", TokenIs: "a token"}, false, []string{
			"ddns[0].zone: bare has no use for it; take this key out", "ddns[0].server: bare has no use", "ddns[0].user: bare has no use",
			"ddns[0].algorithm: bare has no use", "ddns[0].key: bare has no use",
		}},
		"optional ones left out": {rawDDNS{Token: secretText{given("token", "x")}},
			&provider.Kind{Word: "may", Zone: provider.May, Server: provider.May, User: provider.May, Key: provider.May, Algorithm: provider.May}, true, nil},
		"an unknown provider needs a token alone": {rawDDNS{Token: secretText{given("token", "x")}}, nil, true, nil},
		"an unknown provider takes all":           {wholeTable(), nil, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := testBuilder()
			b.account(test.raw, test.kind, "mqtt.example.org", test.alone, new(provider.Account))
			text := said(b)
			for _, want := range test.want {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in:\n%s", want, text)
				}
			}
			if (text == "") != (test.want == nil) {
				t.Errorf("said:\n%s", text)
			}
		})
	}
}

func TestAccountValues(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*rawDDNS)
		want   string
	}{
		"zone elsewhere":      {func(r *rawDDNS) { r.Zone.v = "example.net" }, `"example.net" does not hold the domain`},
		"server empty":        {func(r *rawDDNS) { r.Server.v = " " }, "ddns[0].server: empty"},
		"server with a user":  {func(r *rawDDNS) { r.Server.v = "https://a:secret99@example.org" }, "a server has no @"},
		"user of two lines":   {func(r *rawDDNS) { r.User.v = "a\nb" }, "ddns[0].user: it has a control character"},
		"user too long":       {func(r *rawDDNS) { r.User.v = strings.Repeat("a", 256) }, "longer than the 255 bytes"},
		"algorithm":           {func(r *rawDDNS) { r.Algorithm.v = "hmac-sha25" }, `did you mean "hmac-sha256"?`},
		"algorithm forbidden": {func(r *rawDDNS) { r.Algorithm.v = "hmac-md5" }, "hmac-md5"},
		"key of two lines":    {func(r *rawDDNS) { r.Key.v = "secret99\nsecret99" }, "the key has a control character"},
		"key too long":        {func(r *rawDDNS) { r.Key.v = strings.Repeat("a", 4097) }, "the key is longer than 4096 bytes"},
		"key empty":           {func(r *rawDDNS) { r.Key.v = "" }, "ddns[0].key: empty; write the second secret, or better key_file"},
		"key twice": {func(r *rawDDNS) { r.KeyFile = secretText{given("key_file", "/secret99")} },
			"the key is given twice"},
		"key file missing": {func(r *rawDDNS) { r.Key, r.KeyFile = secretText{}, secretText{given("key_file", "secret99secret99")} },
			"cannot read the file that is named here (its name is not shown, as it may be a key"},
		"password with a bell": {func(r *rawDDNS) { r.Token.v = "secret99\a" }, "the token has a control character"},
	} {
		t.Run(name, func(t *testing.T) {
			b, r := testBuilder(), wholeTable()
			test.change(&r)
			b.account(r, &full, "mqtt.example.org", true, new(provider.Account))
			text := said(b)
			if !strings.Contains(text, test.want) || !strings.HasPrefix(text, "f.toml:7: ddns[0].") {
				t.Errorf("no %q in:\n%s", test.want, text)
			}
			for _, secret := range []string{"secret99", "first-secret-1", "second secret"} {
				if strings.Contains(strings.ReplaceAll(text, "the second secret", ""), secret) {
					t.Errorf("%s is in:\n%s", secret, text)
				}
			}
		})
	}
}

func TestKindDecidesOnTypesWildcardsAndDeletion(t *testing.T) {
	types := func(list ...string) texts {
		v := texts{at: origin{"f.toml", 7, "ddns[0].types"}, given: true, ok: true}
		for _, one := range list {
			v.v = append(v.v, given("types", one))
		}
		return v
	}
	plain := provider.Kind{Word: "plain", Suffix: ".plain.example", TokenIs: "a token"}
	raw := rawDDNS{Head: origin{"f.toml", 6, "ddns[0]"}, Domain: given("domain", "*.plain.example"), Types: types("A", "AAAA"),
		Token: secretText{given("token", "x")}, OnExit: given("on_exit", "delete"), IPv6Host: given("ipv6_host", "::5")}
	b := testBuilder()
	b.recordsOf(raw, "plain", &plain, true, map[recordKey]origin{})
	for _, want := range []string{"plain keeps no IPv6 addresses", "a wildcard, which plain does not keep", "plain cannot delete one record alone"} {
		if text := said(b); !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}

	all := full
	all.AAAA = true
	raw = wholeTable()
	raw.Domain, raw.Types, raw.OnExit, raw.IPv6Host = given("domain", "*.Example.org"), types("AAAA", "A"), given("on_exit", "delete"), given("ipv6_host", "::1a2b:0:0:5")
	b = testBuilder()
	list := b.recordsOf(raw, "full", &all, true, map[recordKey]origin{})
	if text := said(b); text != "" {
		t.Fatal(text)
	}
	if len(list) != 2 || list[0].Type != "AAAA" || list[1].Type != "A" || list[0].Domain != "*.example.org" || list[1].Domain != "*.example.org" ||
		list[0].Host.String() != "::1a2b:0:0:5" || !list[0].DeleteOnExit || list[1].Host.IsValid() || list[1].Key.Reveal() != "second secret ü 2" {
		t.Errorf("%+v", list)
	}
}
