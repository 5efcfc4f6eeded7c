package ddnstest

// netcup's customer control panel as a web service in JSON.

import (
	"encoding/json"
	"net/http"
	"strings"
)

// Netcup speaks https://ccp.netcup.net/run/webservice/servers/endpoint.php?JSON
// for one domain. Make it with NewNetcup.
type Netcup struct {
	records
	customer, key, password, zone string

	session string // guarded by common.mu; empty means that nobody is logged in
}

// NewNetcup returns a fake for a customer with one domain.
func NewNetcup(customer, key, password, zone string) *Netcup {
	return &Netcup{customer: customer, key: key, password: password, zone: zone}
}

// NetcupSession is the session that a log-in gives; it is a secret too.
const NetcupSession = "MTY5NzQxNDc4NTJ4a2p4d3B5cGZ2b2N0ZXN0c2Vzc2lvbg"

type netcupRecord struct {
	ID          string `json:"id"`
	Host        string `json:"hostname"`
	Type        string `json:"type"`
	Priority    string `json:"priority"`
	Destination string `json:"destination"`
	Delete      bool   `json:"deleterecord"`
	State       string `json:"state,omitempty"`
}

type netcupSet struct {
	Records []netcupRecord `json:"dnsrecords"`
}

type netcupRequest struct {
	Action string `json:"action"`
	Param  struct {
		Domain   string    `json:"domainname"`
		Customer string    `json:"customernumber"`
		Key      string    `json:"apikey"`
		Password string    `json:"apipassword"`
		Session  string    `json:"apisessionid"`
		Set      netcupSet `json:"dnsrecordset"`
	} `json:"param"`
}

// ServeHTTP implements http.Handler. Refusals have status 200.
func (n *Netcup) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, ok := n.admit(w, r)
	if !ok {
		return
	}
	var in netcupRequest
	n.mu.Lock()
	session := n.session
	n.mu.Unlock()
	switch err := json.Unmarshal(body, &in); {
	case err != nil || r.URL.Path != "/run/webservice/servers/endpoint.php" || r.URL.RawQuery != "JSON":
		n.fail(w, in.Action, 4000, "Validation Error.", "The request is not valid.")
	case in.Param.Customer != n.customer || in.Param.Key != n.key:
		n.fail(w, in.Action, 4013, "Validation Error.", "Api key is not valid.")
	case in.Action == "login" && in.Param.Password != n.password:
		n.fail(w, in.Action, 4013, "Validation Error.", "Api password is not valid.")
	case in.Action == "login":
		n.setSession(NetcupSession)
		n.succeed(w, in.Action, map[string]string{"apisessionid": NetcupSession})
	case session == "" || in.Param.Session != session:
		n.fail(w, in.Action, 4001, "Api session id in invalid format", "The session id is not valid.")
	case in.Action == "logout":
		n.setSession("")
		n.succeed(w, in.Action, "")
	case in.Param.Domain != n.zone:
		n.fail(w, in.Action, 5028, "Domain not found", "Domain not found.")
	case in.Action == "infoDnsZone":
		n.succeed(w, in.Action, map[string]any{"name": n.zone, "ttl": "300"})
	case in.Action == "infoDnsRecords":
		n.show(w, in.Action)
	case in.Action == "updateDnsRecords":
		n.update(w, in)
	}
}

// LoggedIn reports whether a session was left open.
func (n *Netcup) LoggedIn() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.session != ""
}

func (n *Netcup) setSession(session string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.session = session
}

// update adds, changes and deletes single records, and shows all.
func (n *Netcup) update(w http.ResponseWriter, in netcupRequest) {
	for _, r := range in.Param.Set.Records {
		switch {
		case r.Delete:
			n.Remove(r.ID)
		case !fits(r.Type, r.Destination):
			n.fail(w, in.Action, 4013, "Validation Error.", "The destination is not valid.")
			return
		default:
			n.Put(Record{ID: r.ID, Type: r.Type, Name: absolute(r.Host, n.zone), Content: r.Destination, TTL: 300})
		}
	}
	n.show(w, in.Action)
}

func (n *Netcup) show(w http.ResponseWriter, action string) {
	set := netcupSet{Records: []netcupRecord{}}
	for _, r := range n.all() {
		host := relative(r.Name, n.zone)
		if host == "" {
			host = "@"
		}
		set.Records = append(set.Records, netcupRecord{ID: r.ID, Host: strings.ToLower(host), Type: r.Type, Priority: "0", Destination: r.Content, State: "yes"})
	}
	n.succeed(w, action, set)
}

func (n *Netcup) succeed(w http.ResponseWriter, action string, data any) {
	answerJSON(w, http.StatusOK, map[string]any{"serverrequestid": "x", "clientrequestid": "", "action": action, "status": "success",
		"statuscode": 2000, "shortmessage": "Ok", "longmessage": "", "responsedata": data})
}

func (n *Netcup) fail(w http.ResponseWriter, action string, code int, short, long string) {
	answerJSON(w, http.StatusOK, map[string]any{"serverrequestid": "x", "clientrequestid": "", "action": action, "status": "error",
		"statuscode": code, "shortmessage": short, "longmessage": long, "responsedata": ""})
}
