package status_test

// Secrets of the config never leave, whatever form they come in.

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/status"
	"github.com/edgeguard/edgeguard/internal/wan"
	"pgregory.net/rapid"
)

// inJSON is text between the quotes of a JSON string.
func inJSON(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(b[1 : len(b)-1])
}

// written lists how others may write a token.
func written(token string) []string {
	return []string{
		token, inJSON(token), html.EscapeString(token), strconv.Quote(token),
		url.QueryEscape(token), url.PathEscape(token), base64.StdEncoding.EncodeToString([]byte(token)),
	}
}

// renderings are all that leaves the process.
func renderings(t interface{ Fatal(...any) }, s *status.Snapshot) []string {
	asJSON, err := status.JSON(s)
	if err != nil {
		t.Fatal(err)
	}
	var decoded any
	if err := json.Unmarshal(asJSON, &decoded); err != nil {
		t.Fatal(err)
	}
	var all []string
	eachText(reflect.ValueOf(s), func(text string) { all = append(all, text) })
	page, err := status.HTML(s)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := status.WriteText(&text, s, status.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	return append(all, string(asJSON), string(page), html.UnescapeString(string(page)), text.String())
}

func TestTokensNeverLeave(t *testing.T) {
	tokens := rapid.OneOf(
		rapid.StringMatching(`[!-~]{12,40}`),
		rapid.StringMatching(`["\\<>&'/a-z]{12,20}`),
		rapid.StringMatching(`[a-z]{6}[\x00-\x1fé\x{202e}\x{2028}]["\\\x1b][a-z]{6}`),
	)
	rapid.Check(t, func(t *rapid.T) {
		token := secret.New(tokens.Draw(t, "token"))
		if len(token.Reveal()) < 12 {
			t.Skip("too little is left of it")
		}
		form := rapid.SampledFrom(written(token.Reveal())).Draw(t, "form")
		// So that a cut can not leave a part of it standing, not even two thirds.
		forms := append(written(token.Reveal()), token.Reveal()[:len(token.Reveal())*2/3])
		if rapid.Bool().Draw(t, "by the builder") {
			padding := strings.Repeat("x", rapid.IntRange(0, 530).Draw(t, "padding"))
			s := status.NewBuilder(list(token)).Build(full(padding+form), noon)
			mustNotShow(t, renderings(t, s), forms)
			return
		}
		// The renderer's own border, behind a builder that knew no secrets.
		s := status.NewBuilder(noSecrets).Build(full(form), noon)
		mustNotShow(t, renderings(t, status.Redact(s, []secret.Value{token})), forms)
	})
}

// mustNotShow fails where one of texts shows one of forms.
func mustNotShow(t *rapid.T, texts, forms []string) {
	for _, text := range texts {
		for _, form := range forms {
			if strings.Contains(text, form) {
				t.Fatalf("%q shows %q", text, form)
			}
		}
	}
}

// TestEveryFormOfAToken names the forms one by one: each is the whole of a
// text, so that nothing but the token itself must be left out.
func TestEveryFormOfAToken(t *testing.T) {
	for _, token := range []string{`pass"word\with<html>&'marks'`, "bell\aand two spaces", "a7c4d0ad-114e-40ef-ba1d-d217904a50f2"} {
		secrets := []secret.Value{secret.New(token)}
		joined := token[:3] + "\x00" + token[3:] // one token again, once cleaned
		cleaned := strings.Join(strings.Fields(strings.ReplaceAll(token, "\a", "")), " ")
		for _, form := range append(written(token), joined, cleaned, strings.Trim(strconv.QuoteToASCII(token), `"`)) {
			in := status.Inputs{WAN: wan.Status{Link: fact.Link{Summary: form}}}
			s := status.NewBuilder(list(secrets...)).Build(in, noon)
			if got := strings.Trim(s.Chain[0].Summary, `"`); got != secret.Redacted {
				t.Errorf("built: %q shows as %q", form, got)
			}
			if form == joined {
				continue // Redact takes snapshots that were cleaned
			}
			s = status.Redact(status.NewBuilder(noSecrets).Build(in, noon), secrets)
			if got := strings.Trim(s.Chain[0].Summary, `"`); got != secret.Redacted {
				t.Errorf("redacted: %q shows as %q", form, got)
			}
		}
	}
}

func TestRedactKeepsTheRestAndItsInput(t *testing.T) {
	s := status.NewBuilder(noSecrets).Build(full(`to"ken\of\12 chars`), noon)
	before, err := status.JSON(s)
	if err != nil {
		t.Fatal(err)
	}
	got := status.Redact(s, []secret.Value{secret.New(`to"ken\of\12 chars`), {}})
	want := status.NewBuilder(noSecrets).Build(full(secret.Redacted), noon)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if after, err := status.JSON(s); err != nil || !bytes.Equal(before, after) {
		t.Error("Redact changed the snapshot it was given")
	}
	if got := status.Redact(s, nil); got == s || !reflect.DeepEqual(got, s) {
		t.Error("without secrets Redact is not a plain copy")
	}
}

// TestAShortSecretLeavesTheJSONWhole takes a word of the JSON itself for a
// secret: values may suffer, the form may not.
func TestAShortSecretLeavesTheJSONWhole(t *testing.T) {
	for _, word := range []string{"status", `"`, "pass", "{", "1", "null"} {
		s := status.NewBuilder(list(secret.New(word))).Build(full("x"), noon)
		body, err := status.JSON(status.Redact(s, []secret.Value{secret.New(word)}))
		if err != nil {
			t.Fatal(err)
		}
		var back status.Snapshot
		if err := json.Unmarshal(body, &back); err != nil || back.Status != fact.VerdictFail || len(back.Chain) != 8 {
			t.Errorf("with the secret %q the JSON reads as %v, %v", word, back.Status, err)
		}
	}
}
