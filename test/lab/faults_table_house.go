//go:build linux

package lab

// The faults of the service: the broker, and its certificate.

var brokerFaults = []Fault{
	{
		ID: "broker-down", Title: "The broker does not run.", Link: "broker", Verdict: "fail",
		Summary: `The broker "mqtt" cannot be used, from nowhere: nothing listens at {broker} (connection refused).`,
		Action:  "Start the service, or correct the port in address of the [[service]].",
		Also:    []string{"certificate unknown"},
	},
	{
		ID: "broker-wrong-port", Title: "The port in the config is not the one on which the broker listens.", Link: "broker", Verdict: "fail",
		Summary: `The broker "mqtt" cannot be used, from nowhere: nothing listens at {wrongport} (connection refused).`,
		Action:  "Start the service, or correct the port in address of the [[service]].",
		More:    "MQTT with TLS is on port 8883 nearly everywhere, MQTT without it on 1883.",
		Also:    []string{"certificate unknown", "hairpin unknown"},
	},
	{
		ID: "broker-wrong-address", Title: "No host has the address in the config.", Link: "broker", Verdict: "fail",
		Summary: `The broker "mqtt" cannot be used, from nowhere: {nobody}:8883 cannot be reached: no such host in the network, or no route to it.`,
		Action:  "Check that the host is on, and that address is where it is in the LAN.",
		More:    "A host that gets another address from the router each time is better given as `host`, its name or its MAC address: it is followed then.",
		Also:    []string{"certificate unknown", "hairpin unknown", "forward fail"},
	},
	{
		ID: "broker-firewalled", Title: "A firewall drops calls to the broker, or its host is off.", Link: "broker", Verdict: "fail",
		Summary: `The broker "mqtt" cannot be used, from nowhere: {broker} does not answer (timeout): the host is off, has another address, or a firewall drops the call.`,
		Action:  "Check that the host is on and still has this address (let the router always give it the same), and that its firewall lets this host through.",
		Also:    []string{"certificate unknown"},
	},
	{
		ID: "broker-hangs", Title: "The broker hangs: it takes calls and says nothing.", Link: "broker", Verdict: "fail",
		Summary: `The broker "mqtt" cannot be used, from nowhere: {broker} accepts the connection but says nothing in TLS (timeout).`,
		Action:  "Restart the service; if that does not help, check that this is its port for TLS.",
		Also:    []string{"certificate unknown"},
	},
	{
		ID: "broker-plain", Title: "The broker speaks MQTT without TLS on this port.", Link: "broker", Verdict: "fail",
		Summary: `The broker "mqtt" cannot be used, from nowhere: {broker} does not speak TLS: the port speaks plain MQTT.`,
		Action:  "Give the service a TLS listener on this port (mosquitto: certfile and keyfile), or correct the port in address.",
		More:    "Without TLS whoever is on the way, at home or in the street, reads the passwords and all that is sent.",
		Also:    []string{"certificate unknown"},
	},
	{
		ID: "broker-http", Title: "A web server has the broker's port.", Link: "broker", Verdict: "fail",
		Summary: `The broker "mqtt" cannot be used, from nowhere: {broker} does not speak TLS: the port speaks plain HTTP.`,
		Action:  "Give the service a TLS listener on this port (mosquitto: certfile and keyfile), or correct the port in address.",
		Also:    []string{"certificate unknown"},
	},
	{
		ID: "broker-not-mqtt", Title: "The service speaks TLS, and is no MQTT broker.", Link: "broker", Verdict: "fail",
		Summary: `The broker "mqtt" cannot be used, from nowhere: {broker} speaks TLS, but answers a call in MQTT with something that is not MQTT.`,
		Action:  `If the service is no MQTT broker, set kind = "tls"; if it is one, look into its log.`,
	},
	{
		ID: "broker-old-tls", Title: "The service knows no TLS newer than 1.1.", Link: "broker", Verdict: "fail",
		Summary: `The broker "mqtt" cannot be used, from nowhere: {broker} refused the TLS handshake (tls: protocol version not supported); it must offer TLS 1.2 or newer.`,
		Action:  "Let the service offer TLS 1.2 or newer, and check that its certificate and its key belong together; its log says which it is.",
		Also:    []string{"certificate unknown"},
	},
	{
		ID: "broker-wrong-password", Title: "The broker refuses the password of the config.", Link: "broker", Verdict: "warn",
		Summary: `The broker "mqtt" at {broker} answers in TLS and MQTT, but refuses the user name and password of the config (not authorised).`,
		Action:  "Correct username and password_file of the [[service]], or the broker's list of users.",
		More:    "The user is of use to edgeguard alone, to look at the broker as its users do. After a refusal it does not ask again for ten minutes, as brokers lock out who repeats a wrong password; it does at once when the config changes.",
	},
}

var certificateFaults = []Fault{
	{
		ID: "certificate-expired", Title: "The certificate has expired.", Link: "certificate", Verdict: "fail",
		Summary: `The certificate of "mqtt" expired on {date} {time} UTC, so clients refuse it.`,
		Action:  "Renew the certificate, put it where the service reads it, and make the service load it (mosquitto: SIGHUP).",
	},
	{
		ID: "certificate-not-yet-valid", Title: "The certificate is not valid yet.", Link: "certificate", Verdict: "fail",
		Summary: `The certificate of "mqtt" is not valid before {date} {time} UTC, so clients refuse it; this host's clock looks right, so that of the machine that made it may be ahead.`,
		Action:  "Check the clock of the machine that made the certificate and this host's, and make the certificate anew.",
	},
	{
		ID: "certificate-wrong-name", Title: "The certificate is for another name.", Link: "certificate", Verdict: "fail",
		Summary: `The certificate of "mqtt" names none of the configured names ({name}), so clients refuse it; it is for {othername}, issued by {ca}.`,
		Action:  "Get a certificate that holds these names, or correct names in the [[service]].",
		More:    "The domain of the first `[[ddns]]` is a name of the first service, as clients dial it.",
	},
	{
		ID: "certificate-address-only", Title: "The certificate is for an IP address.", Link: "certificate", Verdict: "fail",
		Summary: `The certificate of "mqtt" is for addresses alone ({nas}), so clients that dial {name} refuse it, and no address is right both at home and outside.`,
		Action:  "Get a certificate that holds these names, or correct names in the [[service]].",
	},
	{
		ID: "certificate-self-signed", Title: "The certificate is self-signed.", Link: "certificate", Verdict: "warn",
		Summary: `The certificate of "mqtt" is not trusted: it is self-signed, so each client refuses it that was not given it; give it as ca_file if it is yours.`,
		Action:  "Give the certificate as ca_file of the [[service]] and to every client, or get one from an authority.",
	},
	{
		ID: "certificate-unknown-authority", Title: "Nobody knows the authority that issued the certificate.", Link: "certificate", Verdict: "warn",
		Summary: `The certificate of "mqtt" is not trusted: it is issued by {strange}, which this host does not know, so each client refuses it that does not either; give its CA certificate as ca_file.`,
		Action:  "Give the authority's certificate as ca_file of the [[service]], and let the service serve its full chain (fullchain.pem).",
		More:    "Clients need the authority's certificate too: mosquitto's take it as `--cafile`, phones in their settings.",
	},
	{
		ID: "certificate-wrong-use", Title: "The certificate is made for clients.", Link: "certificate", Verdict: "warn",
		Summary: `The certificate of "mqtt" is not trusted: it is not made for servers (its extended key usage lacks serverAuth), so clients refuse it.`,
		Action:  "Get a certificate that is made for servers.",
	},
	{
		ID: "certificate-incomplete-chain", Title: "The broker does not serve the intermediate certificate.", Link: "certificate", Verdict: "fail",
		Summary: `The service "mqtt" does not serve the intermediate certificate {intermediate}, so phones and Tasmota refuse its certificate.`,
		Action:  "Let the service serve its full chain, fullchain.pem instead of cert.pem (mosquitto: certfile), and make it load it (mosquitto: SIGHUP).",
		More:    "Most browsers get hold of what is missing by themselves, so a look at the certificate in one proves nothing.",
	},
	{
		ID: "certificate-authority-expired", Title: "The authority's own certificate has expired.", Link: "certificate", Verdict: "warn",
		Summary: `The certificate of "mqtt" is not trusted: the certificate of its authority {intermediate} expired on {date} {time} UTC, so clients refuse it.`,
		Action:  "Get a new certificate, from an authority whose own is valid, and let the service serve its full chain (fullchain.pem).",
	},
	{
		ID: "certificate-expires-soon", Title: "The certificate expires soon.", Link: "certificate", Verdict: "warn",
		Summary: `The certificate of "mqtt" expires on {date} {time} UTC.`,
		Action:  "Renew the certificate, put it where the service reads it, and make the service load it (mosquitto: SIGHUP).",
		More:    "That is said from 14 days before the end on. What renews by itself does so earlier, so it is likely to have failed.",
	},
	{
		ID: "certificate-renewed-not-served", Title: "The certificate was renewed, and the broker still serves the old one.", Link: "certificate", Verdict: "warn",
		Summary: `The certificate of "mqtt" was renewed, but the service does not serve it: a newer one lies in {any}, and the one served is valid until {date} {time} UTC.`,
		Action:  "Make the service load the file again (mosquitto: send it SIGHUP, or restart it), and do so after each renewal.",
		More:    "It takes `certificate_file` in the `[[service]]` to see this before the old one expires.",
	},
	{
		ID: "certificate-expired-renewed", Title: "The certificate has expired although it was renewed.", Link: "certificate", Verdict: "fail",
		Summary: `The certificate of "mqtt" expired on {date} {time} UTC, so clients refuse it, although a newer one lies in {any}: it was renewed, but the service does not serve it.`,
		Action:  "Make the service load the file again (mosquitto: send it SIGHUP, or restart it), and do so after each renewal.",
	},
}
