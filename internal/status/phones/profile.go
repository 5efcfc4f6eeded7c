package phones

// The profile in which iPhones, iPads and Macs take a certificate: a property
// list, as Apple's "Device Management" describes it.

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"strings"
)

// ProfileType is the media type that makes an iPhone offer to install.
const ProfileType = "application/x-apple-aspen-config"

// identifier begins the names by which a device knows our profiles.
const identifier = "com.github.edgeguard.ca."

// Profile is the profile that installs c, called name. It is the same for the
// same certificate, so that who installs it twice has it once. It is not signed:
// a phone that does not know the authority yet could not check that.
func Profile(c *x509.Certificate, name string) []byte {
	sum := sha256.Sum256(c.Raw)
	// One that did not sign itself is no root, and installed as an intermediate.
	kind := "com.apple.security.pkcs1"
	if bytes.Equal(c.RawSubject, c.RawIssuer) {
		kind = "com.apple.security.root"
	}
	id := identifier + hex.EncodeToString(sum[:8])
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
<key>PayloadContent</key>
<array>
<dict>
<key>PayloadCertificateFileName</key><string>ca.crt</string>
<key>PayloadContent</key><data>` + base64.StdEncoding.EncodeToString(c.Raw) + "</data>\n")
	common(&b, kind, name, id+".certificate", uuid("certificate", c.Raw))
	b.WriteString("</dict>\n</array>\n")
	b.WriteString("<key>PayloadDescription</key><string>" + escaped("The certificate of the authority "+name+
		". SHA-256: "+strings.ToUpper(hex.EncodeToString(sum[:]))) + "</string>\n")
	b.WriteString("<key>PayloadRemovalDisallowed</key><false/>\n")
	common(&b, "Configuration", name, id, uuid("profile", c.Raw))
	b.WriteString("</dict>\n</plist>\n")
	return []byte(b.String())
}

// common writes the keys that every payload has.
func common(b *strings.Builder, kind, name, id, uuid string) {
	for _, entry := range [][2]string{
		{"PayloadDisplayName", name}, {"PayloadIdentifier", id}, {"PayloadType", kind}, {"PayloadUUID", uuid},
	} {
		b.WriteString("<key>" + entry[0] + "</key><string>" + escaped(entry[1]) + "</string>\n")
	}
	b.WriteString("<key>PayloadVersion</key><integer>1</integer>\n")
}

// uuid is one made of what it stands for (RFC 9562, section 5.8: version 8), so
// that it stays the same without being remembered.
func uuid(what string, der []byte) string {
	sum := sha256.Sum256(append([]byte("edgeguard "+what+"\x00"), der...))
	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80
	return strings.ToUpper(fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16]))
}

// escaped makes text inert in XML, within an element and within an attribute in
// double quotes; what XML cannot say becomes U+FFFD.
func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a strings.Builder takes everything
	return b.String()
}
