package texts

// The words of the section of the certificate that edgeguard keeps.

// Kept is that section.
type Kept struct {
	Title, ACME, OwnCA, None, Names, Phase, Held, Renewal, Reason   string
	Error, NextAttempt, Folder, Written, Reloaded, Serving          string
	ServingYes, ServingNo, ServingUnknown, Serial, SHA256, ToDevice string
	// Phases say what is going on, by the phase's name.
	Phases []Phase
}

// Phase is what is going on in one phase.
type Phase struct{ ID, Text string }

// PhaseText is the text of the phase id; the id where there is none.
func (k Kept) PhaseText(id string) string {
	for _, p := range k.Phases {
		if p.ID == id {
			return p.Text
		}
	}
	return id
}

var englishKept = Kept{
	Title: "The certificate that edgeguard keeps",
	ACME:  "It comes from a public authority, by ACME, and is renewed by itself.",
	OwnCA: "It comes from this home's own authority, and is renewed by itself. Devices must have been told of the authority once:",
	None:  "There is no certificate yet.",
	Names: "For the names", Phase: "State", Held: "Issued by", Renewal: "Next renewal", Reason: "{time}: {why}",
	Error: "What failed last", NextAttempt: "Tried again", Folder: "Folder of the broker", Written: "Last written", Reloaded: "Broker last told",
	Serving: "Served by {name}", ServingYes: "yes", ServingNo: "no: it still serves another one, so clients get that. Make it load the new one (mosquitto: SIGHUP, or a restart).",
	ServingUnknown: "not known yet: it has not been reached since the certificate was handed over",
	Serial:         "Serial number", SHA256: "SHA-256", ToDevice: "Certificates to install on phones and other devices",
	Phases: []Phase{
		{"off", "There is nothing to keep."},
		{"waiting-for-clock", "Waiting until this host's clock is set: without the time no certificate can be judged."},
		{"no-authority", "There is no own authority yet. Make it with: edgeguard cert ca init"},
		{"issuing", "A certificate is being obtained."},
		{"waiting", "Obtaining a certificate failed. It is tried again."},
		{"handing-over", "There is a new certificate, and the broker does not serve it yet."},
		{"kept", "All is in place until the next renewal."},
	},
}
