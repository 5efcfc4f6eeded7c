package hairpin

// Every state of the links "broker" and "certificate", with its one sentence and
// its one action: a table to read from top to bottom. What stands in braces is
// filled in by say.

import (
	"strings"

	"github.com/edgeguard/edgeguard/internal/fact"
)

// state is one state of a link.
type state uint8

// The states. Where several are so, the link speaks of the first in the order of
// brokerState and certificateState.
const (
	brokerUnseen state = iota
	brokerNotFound
	faultRefused
	faultSilent
	faultNoRoute
	faultDial
	faultNotTLS
	faultTLSSilent
	faultTLSRefused
	faultTLSHangUp
	faultTLS
	faultNotMQTT
	faultMQTTSilent
	faultMQTTHangUp
	faultMQTT
	brokerUnavailable
	brokerRefusesUser
	brokerRefuses
	brokerWithheldNoName
	brokerWithheld
	brokerWantsClient
	brokerTLS
	brokerAccepts
	brokerAcceptsUser
	brokerRefusesNobody
	brokerRefusesNameless
	brokerNot311

	certUnseen
	certClock
	certExpiredRenewed
	certExpired
	certNotYet
	certGone
	certAddressesForNames
	certAddresses
	certOtherNames
	certMissing
	certSelfSigned
	certUnknownRoot
	certAuthorityExpired
	certAuthorityNotYet
	certWrongUse
	certNoAuthority
	certNoRoots
	certUntrusted
	certMissingKnown
	certSomeNames
	certNoHostName
	certCommonName
	certRenewed
	certSoon
	certNotInFile
	certFile
	certGood

	states // how many there are
)

// sentence is what is said of a state. The action is empty where there is
// nothing to do.
type sentence struct {
	verdict      fact.Verdict
	text, action string
}

// cannotBeUsed is around the text of each fault of a service; the text alone is
// the service's last error.
const cannotBeUsed = `The {kind} "{name}" cannot be used, from nowhere: {fault}.`

// notTrusted is around the text of each reason not to trust a certificate. It is
// a failure where no name is configured, as none can be taken from it then.
const (
	notTrusted       = `{Cert} is not trusted: {why}{claims}.`
	notTrustedNoName = `{Cert} is not trusted: {why}; no name can be taken from it{claims}.`
)

const (
	renew  = "Renew the certificate, put it where the service reads it, and make the service load it (mosquitto: SIGHUP)."
	reload = "Make the service load the file again (mosquitto: send it SIGHUP, or restart it), and do so after each renewal."
	naming = "Get a certificate that holds these names, or correct names in the [[service]]."
	listen = "Give the service a TLS listener on this port (mosquitto: certfile and keyfile), or correct the port in address."
	mqttOr = `If the service is no MQTT broker, set kind = "tls"; if it is one, look into its log.`
	full   = "Let the service serve its full chain, fullchain.pem instead of cert.pem (mosquitto: certfile), and make it load it (mosquitto: SIGHUP)."
)

// sentences is the table. {Who} is the service with its address, {Cert} its
// certificate.
var sentences = [states]sentence{
	brokerUnseen:   {fact.VerdictUnknown, `{Who} has not been looked at yet.`, ""},
	brokerNotFound: {fact.VerdictUnknown, `The {kind} "{name}" has not been found yet: it is looked for by {host}.`, ""},

	// The faults; cannotBeUsed is around them.
	faultRefused:    {fact.VerdictFail, `nothing listens at {address} (connection refused)`, "Start the service, or correct the port in address of the [[service]]."},
	faultSilent:     {fact.VerdictFail, `{address} does not answer (timeout): the host is off, has another address, or a firewall drops the call`, "Check that the host is on and still has this address (let the router always give it the same), and that its firewall lets this host through."},
	faultNoRoute:    {fact.VerdictFail, `{address} cannot be reached: no such host in the network, or no route to it`, "Check that the host is on, and that address is where it is in the LAN."},
	faultDial:       {fact.VerdictFail, `connecting to {address}: {detail}`, "Check that the service runs, and that address is where it listens in the LAN."},
	faultNotTLS:     {fact.VerdictFail, `{address} does not speak TLS: {detail}`, listen},
	faultTLSSilent:  {fact.VerdictFail, `{address} accepts the connection but says nothing in TLS (timeout)`, "Restart the service; if that does not help, check that this is its port for TLS."},
	faultTLSRefused: {fact.VerdictFail, `{address} refused the TLS handshake ({detail}); it must offer TLS 1.2 or newer`, "Let the service offer TLS 1.2 or newer, and check that its certificate and its key belong together; its log says which it is."},
	faultTLSHangUp:  {fact.VerdictFail, `{address} ended the connection during the TLS handshake; it may not speak TLS on this port`, listen},
	faultTLS:        {fact.VerdictFail, `TLS handshake with {address}: {detail}`, "Look into the service's log."},
	faultNotMQTT:    {fact.VerdictFail, `{address} speaks TLS, but answers a call in MQTT with something that is not MQTT`, mqttOr},
	faultMQTTSilent: {fact.VerdictFail, `{address} speaks TLS, but does not answer a call in MQTT (timeout)`, mqttOr},
	faultMQTTHangUp: {fact.VerdictFail, `{address} speaks TLS, but hangs up on a call in MQTT`, mqttOr},
	faultMQTT:       {fact.VerdictFail, `MQTT with {address}: {detail}`, mqttOr},

	brokerUnavailable:     {fact.VerdictWarn, `{Who} answers in TLS and MQTT, but says that it cannot serve now ({word}).`, "Look into the broker's log."},
	brokerRefusesUser:     {fact.VerdictWarn, `{Who} answers in TLS and MQTT, but refuses the user name and password of the config ({word}).`, "Correct username and password_file of the [[service]], or the broker's list of users."},
	brokerRefuses:         {fact.VerdictWarn, `{Who} answers in TLS and MQTT, but refused our call ({word}).`, "Look into the broker's log for why it refuses clients."},
	brokerWithheldNoName:  {fact.VerdictWarn, `{Who} answers in TLS and MQTT. The password of the config was not sent, as there is no name in it by which the certificate could be known for the right one.`, "Write the name that clients dial into names of the [[service]], or give the authority of its certificate as ca_file."},
	brokerWithheld:        {fact.VerdictPass, `{Who} answers in TLS and MQTT. The password of the config was not sent, as its certificate does not prove that it is the right one.`, ""},
	brokerWantsClient:     {fact.VerdictPass, `{Who} answers in TLS; it demands a client certificate, so more was not looked at.`, ""},
	brokerTLS:             {fact.VerdictPass, `{Who} answers in TLS.`, ""},
	brokerAccepts:         {fact.VerdictPass, `{Who} answers in TLS and MQTT.`, ""},
	brokerAcceptsUser:     {fact.VerdictPass, `{Who} answers in TLS and MQTT, and takes the user name and password of the config.`, ""},
	brokerRefusesNobody:   {fact.VerdictPass, `{Who} answers in TLS and MQTT. It refused our call without a user name ({word}), which is as it should be.`, ""},
	brokerRefusesNameless: {fact.VerdictPass, `{Who} answers in TLS and MQTT. It refuses calls without a client identifier, as ours is, so whether it lets users in was not looked at.`, ""},
	brokerNot311:          {fact.VerdictPass, `{Who} answers in TLS and MQTT, but not in version 3.1.1, which older devices (such as Tasmota) speak.`, ""},

	certUnseen:            {fact.VerdictUnknown, `{Cert} has not been seen yet, as the service has not answered in TLS.`, ""},
	certClock:             {fact.VerdictWarn, `{Cert} cannot be judged, as this host's clock is wrong: it shows a time before this edgeguard was made.`, "Set this host's clock (NTP); until then it trusts no certificate."},
	certExpiredRenewed:    {fact.VerdictFail, `{Cert} expired on {until}, so clients refuse it, although a newer one lies in {file}: it was renewed, but the service does not serve it.`, reload},
	certExpired:           {fact.VerdictFail, `{Cert} expired on {until}, so clients refuse it.`, renew},
	certNotYet:            {fact.VerdictFail, `{Cert} is not valid before {from}, so clients refuse it; this host's clock looks right, so that of the machine that made it may be ahead.`, "Check the clock of the machine that made the certificate and this host's, and make the certificate anew."},
	certGone:              {fact.VerdictUnknown, `{Cert} cannot be seen now; the last one seen was valid until {until}.`, ""},
	certAddressesForNames: {fact.VerdictFail, `{Cert} is for addresses alone ({addresses}), so clients that dial {missing} refuse it, and no address is right both at home and outside.`, naming},
	certAddresses:         {fact.VerdictWarn, `{Cert} is for addresses alone ({addresses}), so clients would have to dial an address, and none is right both at home and outside.`, "Get a certificate for a host name, and write the name into names of the [[service]]."},
	certOtherNames:        {fact.VerdictFail, `{Cert} names none of the configured names ({missing}), so clients refuse it; it is for {whose}{claims}.`, naming},
	certMissing:           {fact.VerdictFail, `The service "{name}" does not serve the intermediate certificate {gap}, so phones and Tasmota refuse its certificate{claims}.`, full},

	// The reasons not to trust it; notTrusted or notTrustedNoName is around them.
	certSelfSigned:       {fact.VerdictWarn, `it is self-signed, so each client refuses it that was not given it; give it as ca_file if it is yours`, "Give the certificate as ca_file of the [[service]] and to every client, or get one from an authority."},
	certUnknownRoot:      {fact.VerdictWarn, `it is issued by {root}, which this host does not know, so each client refuses it that does not either; give its CA certificate as ca_file`, "Give the authority's certificate as ca_file of the [[service]], and let the service serve its full chain (fullchain.pem)."},
	certAuthorityExpired: {fact.VerdictWarn, `the certificate of its authority {authority} expired on {day}, so clients refuse it`, "Get a new certificate, from an authority whose own is valid, and let the service serve its full chain (fullchain.pem)."},
	certAuthorityNotYet:  {fact.VerdictWarn, `the certificate of its authority {authority} is not valid before {day}, so clients refuse it`, "Check the clock of the machine that made the authority, and this host's."},
	certWrongUse:         {fact.VerdictWarn, `it is not made for servers (its extended key usage lacks serverAuth), so clients refuse it`, "Get a certificate that is made for servers."},
	certNoAuthority:      {fact.VerdictWarn, `a certificate in its chain signs although it is no authority`, "Get a certificate that is signed by an authority (CA:TRUE)."},
	certNoRoots:          {fact.VerdictWarn, `this host has no root certificates to check it against; install them (ca-certificates), or give the CA certificate as ca_file`, "Install ca-certificates on this host, or give the authority's certificate as ca_file of the [[service]]."},
	certUntrusted:        {fact.VerdictWarn, `its chain does not verify: {detail}`, "Get a new certificate, and let the service serve its full chain (fullchain.pem)."},

	certMissingKnown: {fact.VerdictWarn, `The service "{name}" does not serve the intermediate certificate {gap}. This host knows it by itself, but phones and Tasmota do not, and refuse the service's certificate.`, full},
	certSomeNames:    {fact.VerdictWarn, `{Cert} does not name {missing}, so clients that dial it refuse the connection.`, naming},
	certNoHostName:   {fact.VerdictWarn, `{Cert} holds no exact host name that could be answered (it is for {whose}).`, "Write the names that clients dial into names of the [[service]]."},
	certCommonName:   {fact.VerdictWarn, `{Cert} has its name in the common name alone, where phones and most programs do not look any more.`, "Get a certificate that holds its names as subject alternative names (SAN)."},
	certRenewed:      {fact.VerdictWarn, `{Cert} was renewed, but the service does not serve it: a newer one lies in {file}, and the one served is valid until {until}.`, reload},
	certSoon:         {fact.VerdictWarn, `{Cert} expires on {until}.`, renew},
	certNotInFile:    {fact.VerdictWarn, `{Cert} is not the one in {file}, which is older.`, "Correct certificate_file of the [[service]], or put the certificate that is served there."},
	certFile:         {fact.VerdictWarn, `{Cert} is good until {until}, but cannot be held against {file}: {fault}.`, "Correct certificate_file of the [[service]] and let edgeguard read the file, or take the key out."},
	certGood:         {fact.VerdictPass, `{Cert} names {names}, is trusted and valid until {until}.`, ""},
}

// say is the link of a state, in its own words. Values are pairs of what stands
// in braces and what to put there.
func (s state) say(values ...string) fact.Link {
	return fact.Link{Verdict: sentences[s].verdict, Summary: fill(sentences[s].text, values...), Action: sentences[s].action}
}

// clause is the text of a state that has a frame around it.
func (s state) clause(values ...string) string { return fill(sentences[s].text, values...) }

// fill puts values, which may be foreign, in place of what stands in braces.
func fill(text string, values ...string) string {
	pairs := make([]string, len(values))
	for i, v := range values {
		if pairs[i] = v; i%2 == 0 {
			pairs[i] = "{" + v + "}"
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
