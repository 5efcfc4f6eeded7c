package texts

// The words of how to set up clients. Names of fields and commands are the
// clients' own and no translation's business: they stand in package setup.

// Setup is the section of the clients.
type Setup struct {
	Title, Intro, Rule, NoName, NotReady            string
	Broker, Host, Port, CA                          string
	CAPublic, CAOwn, CAUnsure                       string
	CAFile, CAOrSystem                              string
	On, Empty, Login                                string
	Mosquitto, MosquittoOld, MosquittoWatch         string
	MosquittoSend, NodeRED, NodeREDBroker           string
	NodeREDTLS, NodeREDCheck                        string
	MQTTFX, MQTTFXTab, Explorer, ExplorerCA         string
	Tasmota, TasmotaConsole, TasmotaBuild           string
	TasmotaBuildCA, TasmotaPrint, TasmotaNoPrint    string
	TasmotaOld, TasmotaOldNot, TasmotaCA            string
	TasmotaChoice                                   string
	IPhone, IPhoneCA, IPhoneTrust                   string
	Android, AndroidCA, AndroidOwn                  string
	PhoneFields, PhoneNames, PhonePrivateDNS        string
	ExplorerConnection, ExplorerAdvanced, MQTTFXTop string
}

var englishSetup = Setup{
	Title: "Set up clients",
	Intro: "The same values work from the sofa and from the street. User name and password are those of your broker.",
	Rule:  "Always enter the name {host}, never an address: the certificate is for the name, and the address changes.",
	NoName: "No name is known yet under which clients can reach the broker. Once its certificate is seen and trusted, " +
		"or a DNS record is configured, each kind of client is explained here.",
	NotReady: "Some of this will work only when the chain above is whole.",
	Broker:   "Service {name}", Host: "Host", Port: "Port", CA: "CA file", CAPublic: "Not needed: the certificate ends at {root}, which devices know already.",
	CAOwn: "Needed: the certificate is not from an authority that devices know ({why}). Give each client the certificate of your own authority, " +
		"called ca.crt here.",
	CAUnsure: "Needed only if the authority is your own (then it is the file that ca_file of the service names, called ca.crt here). " +
		"With a public one, such as Let's Encrypt, leave it out.",
	CAFile: "the file ca.crt", CAOrSystem: "empty, or the file ca.crt if the authority is your own",
	On: "on", Empty: "empty", Login: "as on your broker",
	Mosquitto: "Mosquitto's tools", MosquittoWatch: "See everything that is published:", MosquittoSend: "Publish one message:",
	MosquittoOld: "Versions before 2.0 do not know --tls-use-os-certs; they take --capath /etc/ssl/certs in its place.",
	NodeRED:      "Node-RED", NodeREDBroker: "In the mqtt-broker node, tab Connection:", NodeREDTLS: "In its TLS configuration node:",
	NodeREDCheck: "With nothing for CA Certificate, Node-RED trusts the public authorities. A path there that does not exist goes unnoticed: try the connection with the wrong name once, it must fail.",
	MQTTFX:       "MQTT.fx", MQTTFXTop: "In the connection profile:", MQTTFXTab: "In its tab SSL/TLS:",
	Explorer: "MQTT Explorer", ExplorerConnection: "In the connection:",
	ExplorerAdvanced: "Only if the authority is your own, under ADVANCED, then CERTIFICATES:",
	ExplorerCA:       "Never switch Validate certificate off to make an error go away: then anybody in between can read along.",
	Tasmota:          "Tasmota", TasmotaConsole: "In the device's console:",
	TasmotaBuild:   "The ready-made builds for ESP32 have TLS. For ESP8266 compile your own, with these lines in user_config_override.h:",
	TasmotaBuildCA: "Without USE_MQTT_TLS_CA_CERT an ESP8266 build checks the fingerprint only.",
	TasmotaChoice:  "Choose how the device makes sure that it speaks to your broker:",
	TasmotaPrint:   "By fingerprint, which works with every certificate and stays the same as long as the broker's key does:",
	TasmotaNoPrint: "By fingerprint, which is not known here. Set to twenty times 00, the device learns it at its first connection: " +
		"make that one at home.",
	TasmotaOld: "A device of this kind was imitated, and the broker accepts it.", TasmotaOldNot: "A device of this kind was imitated, and the broker refuses it: {why}",
	TasmotaCA: "By authority. Tasmota knows a few public ones only (Let's Encrypt among them), and none of yours:",
	IPhone:    "IoT OnOff on an iPhone", Android: "IoT OnOff on Android", PhoneFields: "In the broker's settings of the app:",
	IPhoneCA:        "First install your authority on the phone: open the page /ca/ of this host with it, which has a QR code for that, and do what stands there for iPhone. If your authority is not listed there, send the phone ca.crt and open it, then Settings, General, VPN & Device Management, Install.",
	IPhoneTrust:     "Then switch it on: Settings, General, About, Certificate Trust Settings.",
	AndroidCA:       "First install your authority on the phone: open the page /ca/ of this host with it, which has a QR code for that, and do what stands there for Android. If your authority is not listed there, send the phone ca.crt, then Settings, Security, Encryption & credentials, Install a certificate, CA certificate.",
	AndroidOwn:      "Since Android 7 an app believes such an authority only if its makers allowed that. If the connection still fails, use a certificate of a public authority, such as Let's Encrypt.",
	PhonePrivateDNS: "If it works outside and not at home: under Network & internet, Private DNS must be off or automatic, so that the phone asks edgeguard.",
	PhoneNames:      "If it works outside and not at home: iCloud Private Relay, or a DNS profile, makes the phone ask elsewhere; switch it off for your Wi-Fi.",
}
