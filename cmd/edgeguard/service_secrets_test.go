package main

import (
	"testing"

	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/hairpin"
	"github.com/edgeguard/edgeguard/internal/secret"
)

// A broker's password is cut out of every surface, and a service is looked at
// anew where it alone has changed.
func TestServicePasswords(t *testing.T) {
	var list secretList
	list.add(&config.Config{Services: []config.Service{{Password: secret.New("of the broker")}, {}}})
	if all := list.all(); len(all) != 1 || all[0].Reveal() != "of the broker" {
		t.Errorf("%d secrets", len(all))
	}
	with := func(password, file string) hairpin.Service {
		return hairpin.Service{Name: "mqtt", User: "u", Password: secret.New(password), CertificateFile: file}
	}
	for _, tt := range []struct {
		a, b hairpin.Service
		same bool
	}{
		{with("a", ""), with("a", ""), true},
		{with("a", ""), with("b", ""), false},
		{with("a", ""), with("", ""), false},
		{with("a", "x"), with("a", "y"), false},
		{with("", ""), with("", ""), true},
	} {
		if got := sameService(tt.a, tt.b); got != tt.same {
			t.Errorf("%+v and %+v: same: %v", tt.a, tt.b, got)
		}
	}
}
