package status_test

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/status"
)

const whyToken = "correct-horse-battery"

type explanation struct {
	Name   string   `json:"name"`
	Answer []string `json:"answer"`
	TTL    *uint32  `json:"ttl_seconds"`
}

// explains serves with a Why of its own and returns the address.
func explains(t *testing.T, why status.WhyFunc) string {
	t.Helper()
	return serve(t, status.ServerConfig{
		Snapshot: func() *status.Snapshot { return nil },
		Secrets:  list(secret.New(whyToken)),
		Why:      why,
	})
}

func TestWhyExplainsAndIsRedacted(t *testing.T) {
	var asked []string
	addr := explains(t, func(_ context.Context, name, qtype string, client netip.Addr) (any, error) {
		asked = append(asked, name+" "+qtype+" "+client.String())
		return explanation{Name: name, Answer: []string{"TXT \x1b[31m" + whyToken + "\u202e"}}, nil
	})
	var got explanation
	raw, err := status.FetchWhy(t.Context(), addr, "mqtt.example.org", "txt", &got)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), whyToken) || strings.ContainsAny(string(raw), "\x1b\u202e") {
		t.Errorf("foreign text or a token is let through: %s", raw)
	}
	if got.Name != "mqtt.example.org" || len(got.Answer) != 1 || got.TTL != nil {
		t.Errorf("explanation %+v", got)
	}
	if len(asked) != 1 || asked[0] != "mqtt.example.org TXT 127.0.0.1" {
		t.Errorf("asked %q", asked)
	}
}

func TestWhyWithAnErrorIsBoth(t *testing.T) {
	addr := explains(t, func(context.Context, string, string, netip.Addr) (any, error) {
		return explanation{Name: "x"}, errors.New("nobody answered with " + whyToken)
	})
	var got explanation
	_, err := status.FetchWhy(t.Context(), addr, "x", "A", &got)
	if err == nil || !strings.Contains(err.Error(), "nobody answered") || strings.Contains(err.Error(), whyToken) || got.Name != "x" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestWhyRefusesWhatIsNoQuestion(t *testing.T) {
	addr := explains(t, func(context.Context, string, string, netip.Addr) (any, error) {
		t.Error("it was asked")
		return nil, nil
	})
	for _, query := range []string{"", "name=", "name=" + strings.Repeat("x", 2000), "name=x&type=" + strings.Repeat("A", 20)} {
		answer, body := ask(t, http.MethodGet, addr, "/api/v1/why?"+query)
		if answer.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), "name=") {
			t.Errorf("%q: %s %s", query, answer.Status, body)
		}
	}
}
