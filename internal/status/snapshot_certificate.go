package status

// The snapshot's certificate: the one that edgeguard keeps, and what became of it.

import "time"

// Kept is the certificate that edgeguard keeps for the house.
type Kept struct {
	// Mode is where it comes from: "none", "acme" or "own-ca". With "none" others
	// look after it, and all that follows is null.
	Mode string `json:"mode"`
	// Phase is what the keeper is about, a word of cert.Phase.
	Phase *string `json:"phase"`
	// Names are what it is for, by the config.
	Names []string `json:"names"`
	// Held is the certificate itself; nil while there is none.
	Held *Held `json:"held"`
	// NextRenewalAt is when it is to be renewed, and RenewalReason why then.
	NextRenewalAt *time.Time `json:"next_renewal_at"`
	RenewalReason *string    `json:"renewal_reason"`
	// LastError is why it could not be obtained or handed over last; nil when it
	// could. NextAttemptAt is when that is tried again.
	LastError     *string    `json:"last_error"`
	NextAttemptAt *time.Time `json:"next_attempt_at"`
	// Directory is the folder that the broker reads. WrittenAt and ReloadedAt are
	// when this process last wrote there, and last told the broker.
	Directory  *string    `json:"directory"`
	WrittenAt  *time.Time `json:"written_at"`
	ReloadedAt *time.Time `json:"reloaded_at"`
	// Serving says of each service that is to serve it whether it does.
	Serving []Serving `json:"serving"`
}

// Held is a certificate that is held with its key.
type Held struct {
	Names  []string `json:"names"`
	Issuer *string  `json:"issuer"`
	// Serial is hexadecimal.
	Serial    *string    `json:"serial"`
	NotBefore *time.Time `json:"not_before"`
	NotAfter  *time.Time `json:"not_after"`
	// Key is the kind of its key as the config says it: "rsa-2048" or
	// "ecdsa-p256".
	Key *string `json:"key"`
	// SHA256 is that of the certificate, SPKISHA256 that of its public key, in
	// lower-case hex.
	SHA256     *string `json:"sha256"`
	SPKISHA256 *string `json:"spki_sha256"`
	// TasmotaFingerprint is as in Certificate.
	TasmotaFingerprint *string `json:"tasmota_fingerprint"`
}

// Serving is whether a service serves the certificate that is held.
type Serving struct {
	Service string `json:"service"`
	// State is "unknown", "yes" or "no".
	State string     `json:"state"`
	At    *time.Time `json:"at"`
}
