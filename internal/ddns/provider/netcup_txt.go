package provider

// netcup's TXT records, by a client of our own: the library finds a record by
// its name and type alone, so that it would delete another's and add ours twice.

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/libdns/libdns"
)

// netcupTexts is one conversation about TXT records, and the log-in in it.
type netcupTexts struct {
	call    *netcupCall
	session secret.Value
}

func (c *netcupCall) addTXT(ctx context.Context, zone, name, value string) error {
	t := &netcupTexts{call: c}
	return t.loggedIn(ctx, func() error { return addText(ctx, t, zone, name, value) })
}

func (c *netcupCall) removeTXT(ctx context.Context, zone, name, value string) error {
	t := &netcupTexts{call: c}
	return t.loggedIn(ctx, func() error { return removeText(ctx, t, zone, name, value) })
}

// loggedIn runs f between a log-in and a log-out.
func (t *netcupTexts) loggedIn(ctx context.Context, f func() error) error {
	var got struct {
		Session string `json:"apisessionid"`
	}
	err := t.ask(ctx, "login", map[string]any{"apipassword": t.call.lib.APIPassword}, &got)
	if err != nil {
		return asFailed(err)
	}
	if got.Session == "" {
		return &Fault{Kind: Failed, Text: netcupHost + " took the log-in but gives no session"}
	}
	t.session = secret.New(got.Session)
	err = f()
	_ = t.ask(ctx, "logout", nil, nil) // the session ends by itself in a few minutes
	return Sealed(err, t.session)
}

// ask does one action; what it answers goes into out, which may be nil.
func (t *netcupTexts) ask(ctx context.Context, action string, param map[string]any, out any) error {
	all := map[string]any{"customernumber": t.call.lib.CustomerNumber, "apikey": t.call.lib.APIKey}
	if !t.session.IsZero() {
		all["apisessionid"] = t.session.Reveal()
	}
	for name, value := range param {
		all[name] = value
	}
	a := api{transport: t.call.transport, host: netcupHost, base: "https://" + netcupHost, agent: t.call.agent,
		judge: func(_ int, body []byte) verdict { v, _ := judgeNetcup(action, body); return v }}
	var answer struct {
		Data json.RawMessage `json:"responsedata"`
	}
	body := map[string]any{"action": action, "param": all}
	if err := a.write(ctx, http.MethodPost, "/run/webservice/servers/endpoint.php?JSON", body, &answer); err != nil {
		return err
	}
	if out != nil && json.Unmarshal(answer.Data, out) != nil {
		return &Fault{Text: netcupHost + " answered with something that is not its API's JSON"}
	}
	return nil
}

// netcupText is a record as it is sent; a record without an id is made.
type netcupText struct {
	ID      string `json:"id,omitempty"`
	Host    string `json:"hostname"`
	Type    string `json:"type"`
	Content string `json:"destination"`
	Delete  bool   `json:"deleterecord"`
}

func (t *netcupTexts) texts(ctx context.Context, zone, name string) (list []text, err error) {
	var got struct {
		Records []struct {
			ID flexible `json:"id"`
			netcupRecord
		} `json:"dnsrecords"`
	}
	if err := t.ask(ctx, "infoDnsRecords", map[string]any{"domainname": zone}, &got); err != nil {
		return nil, asFailed(err)
	}
	for _, r := range got.Records {
		if !strings.EqualFold(r.Host, name) || r.Type != "TXT" {
			continue
		}
		if r.ID == "" {
			return nil, &Fault{Kind: Failed, Text: netcupHost + " shows a record of " + libdns.AbsoluteName(name, zone) + " without an id"}
		}
		list = append(list, text{string(r.ID), r.Content})
	}
	return list, nil
}

func (t *netcupTexts) makeText(ctx context.Context, zone, name, value string) error {
	return t.update(ctx, zone, netcupText{Host: name, Type: "TXT", Content: value})
}

// dropText names the whole record, as the API wants.
func (t *netcupTexts) dropText(ctx context.Context, zone, name string, which text) error {
	return t.update(ctx, zone, netcupText{ID: which.id, Host: name, Type: "TXT", Content: which.content, Delete: true})
}

// update changes one record; those that are not named stay.
func (t *netcupTexts) update(ctx context.Context, zone string, record netcupText) error {
	set := map[string]any{"dnsrecords": []netcupText{record}}
	return t.ask(ctx, "updateDnsRecords", map[string]any{"domainname": zone, "dnsrecordset": set}, nil)
}
