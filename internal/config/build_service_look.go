package config

// [[service]]: what the look at it needs beside where it is.

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/edgeguard/edgeguard/internal/hairpin"
	"github.com/edgeguard/edgeguard/internal/secret"
)

// Bounds, in bytes.
const (
	maxUser = 256
	maxPath = 4096
)

// credentials reads what a broker is called with.
func (b *builder) credentials(r rawService, kind hairpin.ServiceKind) (user string, password secret.Value) {
	password = b.secret(secretKeys{
		inline: r.Password, file: r.PasswordFile, key: "password", noun: "password", what: "the password of the user at the broker",
		password: true, head: r.Head, optional: true,
	})
	hasPassword := r.Password.given || r.PasswordFile.given
	if hasPassword && !r.Username.given {
		b.missing(r.Head.sub("username"), "missing; a password goes with a user name, so write that too, or take the password out")
	}
	if kind != hairpin.MQTT && (hasPassword || r.Username.given) {
		b.fail(r.Head.sub("username"), `only a broker is called with a user name and a password; take them out, or write kind = "mqtt"`)
	}
	if !r.Username.ok {
		return "", password
	}
	switch user = r.Username.v; {
	case user == "":
		b.fail(r.Username.at, "empty; write the name of a user of the broker, or take the key out")
	case len(user) > maxUser:
		b.fail(r.Username.at, "longer than the %d bytes that a user name may have here", maxUser)
	case !utf8.ValidString(user) || strings.ContainsFunc(user, unicode.IsControl):
		b.fail(r.Username.at, "%s has characters that no user name has", show(user))
	}
	return user, password
}

// certificateFile reads the path of a file that is looked at later: one that
// cannot be read now may be there soon.
func (b *builder) certificateFile(t text) string {
	switch {
	case !t.ok:
		return ""
	case t.v == "":
		b.fail(t.at, "empty; write the path of the PEM file that the service serves its certificate from, or take the key out")
		return ""
	case len(t.v) > maxPath || strings.ContainsFunc(t.v, unicode.IsControl):
		b.fail(t.at, "this is no path of a file")
		return ""
	}
	return resolve(t.at, t.v)
}
