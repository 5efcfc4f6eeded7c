package setup

// Mosquitto's command line tools.

import (
	"strings"

	"github.com/edgeguard/edgeguard/internal/status/texts"
)

func mosquitto(b Broker, t *texts.Texts) Client {
	trust := "--tls-use-os-certs"
	if b.Trust == TrustOwn {
		trust = "--cafile ca.crt"
	}
	to := " -h " + quoted(b.Host) + " -p " + b.port() + " " + trust + " -u USER -P PASSWORD "
	c := Client{ID: "mosquitto", Title: t.Setup.Mosquitto, Steps: []Step{
		{Text: t.Setup.MosquittoWatch, Commands: []string{"mosquitto_sub" + to + "-t '#' -v"}},
		{Text: t.Setup.MosquittoSend, Commands: []string{"mosquitto_pub" + to + "-t test/edgeguard -m hello"}},
	}}
	if b.Trust != TrustOwn {
		c.Steps = append(c.Steps, Step{Text: t.Setup.MosquittoOld})
	}
	return c
}

// quoted is a host name as a shell takes it. Host names need no quotes; what
// came out of a certificate may be anything, and is pasted into a shell.
func quoted(host string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.'
	}
	if host != "" && !strings.HasPrefix(host, "-") && !strings.ContainsFunc(host, func(r rune) bool { return !plain(r) }) {
		return host
	}
	return "'" + strings.ReplaceAll(host, "'", `'\''`) + "'"
}
