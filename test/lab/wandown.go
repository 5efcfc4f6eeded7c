//go:build linux

package lab

// The line to the provider, cut and mended.

import "testing"

// CutWAN takes the router's link to the internet down, as a dead line does.
// The router keeps its address, and tells whoever wants to the outside that
// there is no way.
func (h *Home) CutWAN(t testing.TB) {
	t.Helper()
	if err := h.Router.ip("link set wan0 down"); err != nil {
		t.Fatal(err)
	}
}

// MendWAN takes the link up again; the route comes back with it. It returns
// when packets pass.
func (h *Home) MendWAN(t testing.TB) {
	t.Helper()
	if err := h.Router.ip("link set wan0 up"); err != nil {
		t.Fatal(err)
	}
	Eventually(t, Patience, h.Router.WantA(InternetAddr, nameServer, InternetAddr))
}
