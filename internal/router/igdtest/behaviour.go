package igdtest

// The ways in which the router can be odd.

import (
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"time"
)

// Service types.
const (
	WANIP2 = "urn:schemas-upnp-org:service:WANIPConnection:2"
	WANIP1 = "urn:schemas-upnp-org:service:WANIPConnection:1"
	WANPPP = "urn:schemas-upnp-org:service:WANPPPConnection:1"
	// ForumIP and ForumPPP are the types that they had at the DSL Forum.
	ForumIP  = "urn:dslforum-org:service:WANIPConnection:1"
	ForumPPP = "urn:dslforum-org:service:WANPPPConnection:1"
)

// Service is one connection service in the description.
type Service struct {
	// Type is its service type.
	Type string
	// Device is the number of the WANConnectionDevice that it belongs to.
	// Services that follow each other with the same number share one.
	Device int
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
	// OtherPort means that replies come from another port than the searches
	// went to.
	OtherPort bool
	// Location is what replies to searches say; nil means the truth.
	Location func(truth string) string
	// ReplyHeaders are more header lines of the replies.
	ReplyHeaders []string
	// Reply changes a whole reply; nil leaves it as it is.
	Reply func(truth string) string
	// Server is what the router calls itself in replies.
	Server string

	// Manufacturer, Model and UDN are the router's names, put into the
	// description as they are.
	Manufacturer, Model, UDN string
	// Domain is that of the description's device types; empty means
	// schemas-upnp-org. Root is the type of the root device without it; empty
	// means InternetGatewayDevice:2.
	Domain, Root string
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

	// Wire writes the router's own answers, the description and those to calls;
	// nil means in UTF-8, with their length.
	Wire Wire

	// Events answers SUBSCRIBE and UNSUBSCRIBE in the router's place, as
	// Control does calls.
	Events func(w http.ResponseWriter, req *http.Request) bool

	// Firewall is the IPv6 firewall; nil means that there is no control of it.
	Firewall *Firewall

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
	// TableSize is how many entries there is room for (728 beyond that); zero
	// means no bound.
	TableSize int
	// LeasesLast is how long an entry with a lease really stays, whatever it
	// says of itself; zero means as long as it says. See also
	// Router.DropLeases.
	LeasesLast time.Duration
	// NeverRenews means that asking again for an entry does not make its lease
	// longer.
	NeverRenews bool
	// NoEntry is the error code for an entry that is not there; zero means 714.
	NoEntry int
	// TableEnd is the error code after the last entry; zero means 713.
	TableEnd int
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
		Server:       "igdtest UPnP/2.0",
		Faults:       map[string]int{},
	}
}

func (b Behaviour) clone() Behaviour {
	b.Services, b.Faults = slices.Clone(b.Services), maps.Clone(b.Faults)
	return b
}
