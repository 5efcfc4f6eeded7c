package igdtest

// The ways in which the router can be odd.

import (
	"compress/gzip"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Service types.
const (
	WANIP2 = "urn:schemas-upnp-org:service:WANIPConnection:2"
	WANIP1 = "urn:schemas-upnp-org:service:WANIPConnection:1"
	WANPPP = "urn:schemas-upnp-org:service:WANPPPConnection:1"
)

// Service is one connection service in the description.
type Service struct {
	// Type is its service type.
	Type string
	// Status is what GetStatusInfo says; empty means "Connected".
	Status string
	// WAN is what GetExternalIPAddress says in place of Behaviour.WAN; empty
	// means that one.
	WAN string
}

// Behaviour is how the router behaves. Change it with Router.Behave.
type Behaviour struct {
	// Silent means that searches are not answered.
	Silent bool
	// AnswersTo picks the search targets that are answered; nil means all.
	AnswersTo func(target string) bool
	// ReplyFrom is the address that replies to searches come from; the zero
	// Addr means the router's own.
	ReplyFrom netip.Addr
	// Location is what replies to searches say; nil means the truth.
	Location func(truth string) string
	// ReplyHeaders are more header lines of the replies.
	ReplyHeaders []string

	// Manufacturer, Model and UDN are the router's names, put into the
	// description as they are.
	Manufacturer, Model, UDN string
	// Services are the connection services.
	Services []Service
	// URLBase is the description's; empty means none.
	URLBase string
	// ControlURL, EventSubURL and SCPDURL replace the description's; empty
	// means relative URLs of the router's own.
	ControlURL, EventSubURL, SCPDURL string
	// Description answers requests for the description; nil means the router
	// itself does.
	Description http.HandlerFunc

	// Events answers SUBSCRIBE and UNSUBSCRIBE in the router's place, as
	// Control does calls.
	Events func(w http.ResponseWriter, req *http.Request) bool

	// WAN is what GetExternalIPAddress says.
	WAN string
	// Faults gives actions that are refused a UPnP error code.
	Faults map[string]int
	// OnlyVersion1 means that actions sent to a version 2 service are unknown
	// (401).
	OnlyVersion1 bool
	// RefusesLeases is the error code for leases that end, such as 725; zero
	// means that they are taken.
	RefusesLeases int
	// SecureMode is the error code for a mapping to another host than the one
	// asking, 718 or 606; zero means that it is taken.
	SecureMode int
	// Rewrites changes a mapping as it is entered into the table; nil leaves
	// it as it is.
	Rewrites func(*Entry)
	// Control answers SOAP calls in the router's place; nil means the router
	// itself does. It returns false for a call it leaves to the router.
	Control func(w http.ResponseWriter, req *http.Request, action string) bool
}

// Entry is what Behaviour.Rewrites may change.
type Entry struct {
	Description string
	// LeaseSeconds is zero for no end.
	LeaseSeconds uint32
	Enabled      bool
	// Drop means that the mapping is taken and not entered.
	Drop bool
}

func wellBehaved() Behaviour {
	return Behaviour{
		Manufacturer: "Example Networks",
		Model:        "Homegate 3000",
		UDN:          "uuid:00000000-1111-2222-3333-444444444444",
		Services:     []Service{{Type: WANIP2}},
		WAN:          "11.22.33.44",
		Faults:       map[string]int{},
	}
}

func (b Behaviour) clone() Behaviour {
	b.Services, b.Faults = slices.Clone(b.Services), maps.Clone(b.Faults)
	return b
}

// Endless answers without an end.
func Endless(w http.ResponseWriter, req *http.Request) {
	block := []byte("<root>" + strings.Repeat("<!-- more -->", 1000))
	for req.Context().Err() == nil {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// Slow answers the beginning and never the rest.
func Slow(w http.ResponseWriter, req *http.Request) {
	_, _ = w.Write([]byte("<root>"))
	_ = http.NewResponseController(w).Flush()
	<-req.Context().Done()
}

// Deep answers with XML nested ten thousand deep.
func Deep(w http.ResponseWriter, _ *http.Request) {
	const depth = 10_000
	_, _ = w.Write([]byte("<root>" + strings.Repeat("<a>", depth) + strings.Repeat("</a>", depth) + "</root>"))
}

// Gzipped answers in gzip, asked or not.
func Gzipped(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	_, _ = z.Write([]byte("<root><device/></root>"))
	_ = z.Close()
}

// RedirectTo answers with a redirect.
func RedirectTo(url string) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Location", url)
		w.WriteHeader(http.StatusTemporaryRedirect)
	}
}

// Always makes a Behaviour.Control of a handler, for the given actions or, when
// there are none, for all.
func Always(h http.HandlerFunc, actions ...string) func(http.ResponseWriter, *http.Request, string) bool {
	return func(w http.ResponseWriter, req *http.Request, action string) bool {
		if len(actions) > 0 && !slices.Contains(actions, action) {
			return false
		}
		h(w, req)
		return true
	}
}
