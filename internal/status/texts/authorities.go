package texts

// The words of the page from which phones take the authorities' certificates.

// Authorities is that page.
type Authorities struct {
	Title, Intro, None, Install, Service, Until, Fingerprint, Expired, IPhone, Android, Compare, Link string
}

var englishAuthorities = Authorities{
	Title: "Certificates for phones and other devices",
	Intro: "A service whose certificate comes from an authority of one's own or of a company is trusted only by devices that know the authority. " +
		"These are the authorities from ca_file in the config.",
	None:        "No service has a ca_file in the config, so there is nothing to install: devices trust public authorities by themselves.",
	Install:     "Install {name}",
	Service:     "For the service",
	Until:       "Valid until",
	Fingerprint: "SHA-256",
	Expired:     "It has expired, so devices refuse what it has signed. Get the authority's new certificate, and put it into ca_file.",
	IPhone: "iPhone and iPad: open this page in Safari and tap the certificate. Then Settings, General, VPN & Device Management: install the profile. " +
		"Then Settings, General, About, Certificate Trust Settings: switch it on.",
	Android: "Android: tap the certificate to keep it. Then Settings, Security, Encryption & credentials, Install a certificate, CA certificate. " +
		"From Android 7 on an app trusts it only if its maker has allowed that.",
	Compare: "This page comes unencrypted: compare the SHA-256 that the device shows with that of your ca_file (openssl x509 -noout -fingerprint -sha256 -in ca.crt) before you trust it.",
	Link:    "Certificates to install on phones and other devices",
}
