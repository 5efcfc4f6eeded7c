// Package texts holds every word that the page says by itself, in one place,
// ready for translation: a language is one value of Texts. What the links of
// the chain say of themselves is not here, as the log and the JSON say it too.
package texts

import "strings"

// Texts are the page's words in one language. A word in braces, as in {name},
// is filled in where the text is used; a translation keeps it.
type Texts struct {
	// Lang is the language's tag (BCP 47), for the page's lang attribute.
	Lang     string
	Page     Page
	Verdicts Verdicts
	// Links has a name for each link of the chain.
	Links   []Link
	Time    Time
	Address Address
	Forward Forward
	Service Service
	DNS     DNS
	LAN     LAN
	History History
	Setup   Setup

	Kept        Kept
	Snippets    Snippets
	Authorities Authorities
}

// Page frames the page and speaks of the chain.
type Page struct {
	Brand, Skip, NoScript, AsOf, Fault            string
	Pass, Warn, WarnMany, Fail, FailMany, Unknown string
	First, NothingToDo                            string
	Picture, Street, Sofa, Cards                  string
	Since, Action, NoAction, Evidence             string
	Footer, JSON, Running                         string
	More                                          string
	Yes, No, NotKnown, None                       string
	LastError                                     string
	Changed, Gone, NotReady, Back, LastAnswer     string
}

// Verdicts are the four verdicts as words.
type Verdicts struct{ Pass, Warn, Fail, Unknown string }

// Link names one link.
type Link struct {
	// ID is the link's in the snapshot.
	ID string
	// Name is for people, Question what the link answers.
	Name, Question string
}

// Time is how far away a time is, where no script says so.
type Time struct {
	Now, Past, Future                        string
	Minute, Minutes, Hour, Hours, Day, Days  string
	DaysLeft, DayLeft, Expired, ExpiresToday string
}

// Address is the section of the public address and of the records.
type Address struct {
	Title, IPv4, IPv6, NAT, NoNAT, DoubleNAT, CGNAT, ChangedAt, Sources, History, NoHistory, NoAddress     string
	Records, Record, Published, Desired, Provider, Phase, VerifiedAt, WrongSince, NextAttempt, Intercepted string
}

// Forward is the section of the forwards.
type Forward struct {
	Title, Empty, Internal, State, By, Lease, NoLease, ReadBack, Conflict, Action, Note, Warning, Steps, Relay, Pinhole string
}

// Service is the section of the services and their certificates.
type Service struct {
	Title, Empty, Address, Answers, TLS, OldDevices, MQTT, MQTT5, Remote                 string
	Certificate, Names, Valid, Until, Key, Issuer, Root, Trusted, Complete, Pin, Tasmota string
	File, Served, NotServed, Loopback, SourceSeen, Outside, Open, Closed, OutsideUnknown string
	LoopbackYes, LoopbackNo, Host, FileUntil, ServedUnknown, From                        string
}

// DNS is the section of the DNS server.
type DNS struct {
	Title, Listen, TLSListen, Waiting, WaitingWhy                      string
	Rate, RateText, Hits, HitsText, Latency, LatencyText, NoPlots, Per string
	Answers, AnswersText, Cache, CacheText                             string
	Overrides, NoOverrides, Signed                                     string
	Upstreams, UpstreamText, Healthy, Broken, NotAsked, PlainFallback  string
	Clients, ClientText, NoClients, ClientsMany                        string
	RateUnit, HitsUnit, LatencyUnit, UpstreamNoTime                    string
}

// LAN is the section of what the LAN tells its devices.
type LAN struct {
	Title, DHCP, NoDHCP, HandsOut, OursYes, OursNo, Gateway, Domain, Advertised, NoAdvertised string
	NoServers, AsksDHCPv6, Through, Private, PrivateText, CheckedAt                           string
}

// History is the section of the links' past.
type History struct {
	Title, Text, Strip, Empty, Changes string
}

// English is the language that is always there.
func English() *Texts { return &english }

// Link is what t calls the link id; its id where it has no name for it.
func (t *Texts) Link(id string) Link {
	for _, l := range t.Links {
		if l.ID == id {
			return l
		}
	}
	return Link{ID: id, Name: id}
}

// Fill puts values in the place of the words in braces of text; pairs are a word
// and its value in turn. The values are not looked at for braces of their own.
func Fill(text string, pairs ...string) string {
	var b strings.Builder
	Split(text, func(plain string) { b.WriteString(plain) }, func(word string) {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == word {
				b.WriteString(pairs[i+1])
				return
			}
		}
		b.WriteString("{" + word + "}")
	})
	return b.String()
}

// Split hands the pieces of text to plain and its words in braces to word, in
// their order.
func Split(text string, plain, word func(string)) {
	for text != "" {
		before, rest, found := strings.Cut(text, "{")
		name, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			plain(text)
			return
		}
		if before != "" {
			plain(before)
		}
		word(name)
		text = after
	}
}
