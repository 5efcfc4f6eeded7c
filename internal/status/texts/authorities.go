package texts

// The words of the page from which phones take the authorities' certificates.
// What stands in quotation marks is what the systems themselves call it.

// Authorities is that page.
type Authorities struct {
	Title, Intro, None, Install, Service, Until, Fingerprint string
	Profile, Certificate, PEM, From, FromOwn, FromConfig     string
	Expired, ExpiredOwn, Compare, Link, How, Revoked         string
	// Scan is below the picture, Picture for those who do not see it; NoPicture
	// is in its place where the page was opened by no address of the LAN.
	Scan, Picture, NoPicture string
	// Systems are how each system takes a certificate.
	Systems []System
}

// System is how one system takes a certificate, step by step. The ID is short
// and stays the same.
type System struct {
	ID, Name string
	Steps    []string
}

var englishAuthorities = Authorities{
	Title: "Certificates for phones and other devices",
	Intro: "A service whose certificate comes from an authority of one's own or of a company is trusted only by devices that know the authority. " +
		"Here are this home's own authority, if edgeguard keeps one, and those from ca_file in the config, such as that of a company whose broker is a [[service]].",
	None: "edgeguard keeps no authority of its own, and no service has a ca_file in the config, so there is nothing to install: " +
		"devices trust public authorities by themselves.",
	Install:     "Install {name}",
	Profile:     "For iPhone and iPad: the profile (.mobileconfig)",
	Certificate: "For Android, Windows and browsers: the certificate (.crt)",
	PEM:         "For Linux, macOS and programs: the same as text (.pem)",
	From:        "Where it is from", FromOwn: "this home's own authority, kept by edgeguard", FromConfig: "ca_file in the config",
	Service:     "For the service",
	Until:       "Valid until",
	Fingerprint: "SHA-256",
	Expired:     "It has expired, so devices refuse what it has signed. Get the authority's new certificate, and put it into ca_file.",
	ExpiredOwn:  "It has expired, so devices refuse what it has signed. Make a new authority, and install its certificate on every device.",
	Scan:        "Point the phone's camera here. In the home network it opens {link} on the phone.",
	Picture:     "A QR code that leads to {link}",
	NoPicture: "To get a QR code for phones here, open this page by the address that this host has in the home network, as in http://192.168.1.2:8053/ca/. " +
		"By localhost, or by a name that is not known to be this host's, a phone could be led elsewhere.",
	Compare: "This page comes unencrypted. So before you trust a certificate, compare the SHA-256 that the device shows with that of the file on the host itself: " +
		"openssl x509 -noout -fingerprint -sha256 -in ca.crt, where ca.crt is your ca_file, or that in the folder which edgeguard shares with the broker. For this home's own authority, edgeguard cert ca show says it as well.",
	How:     "How to install it",
	Revoked: "Certificates that this home's own authority has revoked, for services that check the certificates of clients:",
	Systems: []System{iPhone, android, androidApps, windows, macOS, linux, firefox},
	Link:    "Certificates to install on phones and other devices",
}

var iPhone = System{"iphone", "iPhone and iPad (iOS 17, 18 and 26)", []string{
	"Open this page in Safari, tap the profile, and then \"Allow\".",
	"Open the app Settings and tap \"Profile Downloaded\", near the top. If that is not there: \"General\", \"VPN & Device Management\", and the profile.",
	"Tap \"More Details\" and compare the SHA-256. The profile is called \"Not Signed\", which is so: a phone that does not know the authority yet could not check a signature.",
	"Tap \"Install\", enter the passcode, and tap \"Install\" again, twice.",
	"Without this step nothing is trusted: Settings, \"General\", \"About\", and at the very end \"Certificate Trust Settings\". Switch the authority on, and tap \"Continue\".",
}}

var android = System{"android", "Android (11 to 16)", []string{
	"Tap the certificate (.crt), so that it is kept in the folder Download. Android may say that it has to be installed in Settings, which comes next. The phone needs a screen lock.",
	"Pixel and others: Settings, \"Security & privacy\", \"More security & privacy\" (or \"More security settings\"), \"Encryption & credentials\", \"Install a certificate\", \"CA certificate\".",
	"Samsung: Settings, \"Security and privacy\" (older: \"Biometrics and security\"), \"Other security settings\" (or \"More security settings\"), \"Install from device storage\", \"CA certificate\".",
	"On phones of other makers the way may be another one: search in Settings for \"CA certificate\".",
	"Tap \"Install anyway\", unlock the phone, and choose the file.",
	"Compare the SHA-256: it is in the same place under \"Trusted credentials\" (Samsung: \"View security certificates\"), \"User\".",
	"From now on Android may say that the network can be monitored. It says so for every authority that was installed by hand.",
}}

var androidApps = System{"android-apps", "Android: which apps trust it", []string{
	"From Android 7 on an app trusts such an authority only if its maker has allowed that. No setting of the phone changes it.",
	"Chrome does, and Firefox from version 120 on.",
	"These do by their published sources: Home Assistant, OwnTracks, and Meshtastic for its MQTT.",
	"Of MQTT Dashboard users report both. IoT MQTT Panel, MQTT Dash and MyMQTT: not confirmed. Where an app has a field for a CA certificate of its own, give it the .crt or the .pem there.",
	"If an app that you need does not, a certificate from a public authority helps: mode = \"acme\" under [certificate].",
}}

var windows = System{"windows", "Windows", []string{
	"Save the certificate (.crt). Compare its SHA-256 in a terminal, in the folder that it is in: certutil -hashfile ca1.crt SHA256",
	"Open the file, then \"Install Certificate\", \"Local Machine\", \"Place all certificates in the following store\", \"Browse\", \"Trusted Root Certification Authorities\".",
	"Or in a terminal as administrator: certutil -addstore Root ca1.crt",
}}

var macOS = System{"macos", "macOS", []string{
	"Save the text (.pem). Compare its SHA-256 in a terminal: openssl x509 -noout -fingerprint -sha256 -in ca1.pem",
	"Open the file: Keychain Access asks for the keychain; take \"System\".",
	"Open the certificate there, and under \"Trust\" choose \"Always Trust\" for \"When using this certificate\".",
	"Or in a terminal: sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain ca1.pem",
}}

var linux = System{"linux", "Debian, Ubuntu, Raspberry Pi OS", []string{
	"Save the text (.pem). Compare its SHA-256: openssl x509 -noout -fingerprint -sha256 -in ca1.pem",
	"sudo cp ca1.pem /usr/local/share/ca-certificates/edgeguard-ca1.crt (the name must end in .crt)",
	"sudo update-ca-certificates",
	"Programs that bring authorities of their own, such as Node.js and Python's requests, do not look there: name the file to them.",
}}

var firefox = System{"firefox", "Firefox", []string{
	"On Windows, macOS and Android, Firefox from version 120 on trusts what is installed in the system.",
	"Elsewhere: \"Settings\", \"Privacy & Security\", \"Certificates\", \"View Certificates\", \"Authorities\", \"Import\". Choose the .crt, and tick \"Trust this CA to identify websites\".",
}}
