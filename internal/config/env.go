package config

// What the environment may give, for a NAS whose user only fills in a form.

import (
	"strconv"
	"strings"
)

// The environment variables that are read here. One that is empty counts as
// not set: forms leave empty ones behind.
const (
	// EnvConfig names the config file.
	EnvConfig = "EDGEGUARD_CONFIG"
	// EnvServiceAddress stands for the address of the one [[service]].
	EnvServiceAddress = "EDGEGUARD_SERVICE_ADDRESS"
	// These stand for what a container on a bridge needs: the keys of [lan], and
	// event_port of [wan].
	EnvLANRouter    = "EDGEGUARD_LAN_ROUTER"
	EnvLANAddress   = "EDGEGUARD_LAN_ADDRESS"
	EnvWANEventPort = "EDGEGUARD_WAN_EVENT_PORT"
	// These stand for the keys of the one [[ddns]]; the types are a list with
	// commas.
	EnvDDNSProvider  = "EDGEGUARD_DDNS_PROVIDER"
	EnvDDNSDomain    = "EDGEGUARD_DDNS_DOMAIN"
	EnvDDNSTypes     = "EDGEGUARD_DDNS_TYPES"
	EnvDDNSZone      = "EDGEGUARD_DDNS_ZONE"
	EnvDDNSServer    = "EDGEGUARD_DDNS_SERVER"
	EnvDDNSUser      = "EDGEGUARD_DDNS_USER"
	EnvDDNSToken     = "EDGEGUARD_DDNS_TOKEN"
	EnvDDNSTokenFile = "EDGEGUARD_DDNS_TOKEN_FILE"
	EnvDDNSKey       = "EDGEGUARD_DDNS_KEY"
	EnvDDNSKeyFile   = "EDGEGUARD_DDNS_KEY_FILE"
	// These stand for mode of [certificate] and email of [certificate.acme].
	EnvCertificateMode  = "EDGEGUARD_CERTIFICATE_MODE"
	EnvCertificateEmail = "EDGEGUARD_CERTIFICATE_EMAIL"
)

// envService is the name of the service that the environment gives.
const envService = "mqtt"

// LookupEnv finds an environment variable, as os.LookupEnv does.
type LookupEnv = func(name string) (value string, found bool)

// fromEnv returns the variable as if it stood in the file.
func fromEnv(env LookupEnv, name string) text {
	t := text{at: origin{file: Environment, key: name}}
	if env != nil {
		v, _ := env(name)
		t.v = strings.TrimSpace(v)
	}
	t.given = t.v != ""
	t.ok = t.given
	return t
}

// addEnv puts the environment's values into raw and reports those that the
// file contradicts.
func addEnv(raw *rawFile, env LookupEnv, r *report) {
	if address := fromEnv(env, EnvServiceAddress); address.given {
		if len(raw.Service) > 0 {
			r.fail(address.at, "the config file has a [[service]] already, %s; take out one of the two", raw.Service[0].Head)
		} else {
			raw.Service = []rawService{{
				Head:    address.at,
				Name:    text{v: envService, at: address.at, given: true, ok: true},
				Address: address,
			}}
		}
	}
	addEnvText(&raw.LAN.Router, fromEnv(env, EnvLANRouter), r)
	addEnvText(&raw.LAN.Address, fromEnv(env, EnvLANAddress), r)
	addEnvPort(&raw.WAN.EventPort, fromEnv(env, EnvWANEventPort), r)
	addEnvText(&raw.Certificate.Mode, fromEnv(env, EnvCertificateMode), r)
	addEnvText(&raw.Certificate.ACME.Email, fromEnv(env, EnvCertificateEmail), r)
	addEnvDDNS(raw, env, r)
}

// addEnvText gives a key of the file the environment's value.
func addEnvText(own *text, t text, r *report) {
	switch {
	case t.given && own.given:
		r.fail(t.at, "the config file has this already, %s; take out one of the two", own.at)
	case t.given:
		*own = t
	}
}

// addEnvPort gives a key of the file the environment's number.
func addEnvPort(own *integer, t text, r *report) {
	if !t.given {
		return
	}
	n, err := strconv.ParseInt(t.v, 10, 32)
	switch {
	case own.given:
		r.fail(t.at, "the config file has this already, %s; take out one of the two", own.at)
	case err != nil:
		r.fail(t.at, "%s is not a port; write a number from 0 to 65535", show(t.v))
	default:
		*own = integer{v: n, at: t.at, given: true, ok: true}
	}
}

// addEnvDDNS puts the environment's [[ddns]] into raw: the whole of it, or the
// secrets of the file's only one.
func addEnvDDNS(raw *rawFile, env LookupEnv, r *report) {
	d := rawDDNS{
		Head:      origin{file: Environment},
		Provider:  fromEnv(env, EnvDDNSProvider),
		Domain:    fromEnv(env, EnvDDNSDomain),
		Types:     listFromEnv(env, EnvDDNSTypes),
		Zone:      fromEnv(env, EnvDDNSZone),
		Server:    fromEnv(env, EnvDDNSServer),
		User:      fromEnv(env, EnvDDNSUser),
		Token:     secretText{fromEnv(env, EnvDDNSToken)},
		TokenFile: secretText{fromEnv(env, EnvDDNSTokenFile)},
		Key:       secretText{fromEnv(env, EnvDDNSKey)},
		KeyFile:   secretText{fromEnv(env, EnvDDNSKeyFile)},
	}
	var plain []origin
	for _, t := range []text{d.Provider, d.Domain, d.Zone, d.Server, d.User} {
		if t.given {
			plain = append(plain, t.at)
		}
	}
	if d.Types.given {
		plain = append(plain, d.Types.at)
	}
	secrets := d.Token.given || d.TokenFile.given || d.Key.given || d.KeyFile.given
	if len(raw.DDNS) == 0 {
		if len(plain) > 0 || secrets {
			raw.DDNS = []rawDDNS{d}
		}
		return
	}
	for _, at := range plain {
		r.fail(at, "the config file has a [[ddns]] already, %s; take out one of the two", raw.DDNS[0].Head)
	}
	if len(raw.DDNS) == 1 {
		own := &raw.DDNS[0]
		addEnvSecret("token", &own.Token, &own.TokenFile, d.Token, d.TokenFile, r)
		addEnvSecret("key", &own.Key, &own.KeyFile, d.Key, d.KeyFile, r)
		return
	}
	for _, t := range []secretText{d.Token, d.TokenFile, d.Key, d.KeyFile} {
		if t.given {
			r.fail(t.at, "the config file has %d [[ddns]] tables, and this could be the secret of any; write a token_file or key_file in each instead", len(raw.DDNS))
		}
	}
}

// addEnvSecret gives the one [[ddns]] of the file the environment's secret.
func addEnvSecret(noun string, inline, file *secretText, envInline, envFile secretText, r *report) {
	for _, own := range []*secretText{inline, file} {
		if !own.given {
			continue
		}
		for _, t := range []secretText{envInline, envFile} {
			if t.given {
				r.fail(t.at, "the config file has the %s already, %s; take out one of the two", noun, own.at)
			}
		}
		return
	}
	*inline, *file = envInline, envFile
}

// listFromEnv returns the variable, whose values have commas between them, as
// if it were a list in the file.
func listFromEnv(env LookupEnv, name string) texts {
	one := fromEnv(env, name)
	list := texts{at: one.at, given: one.given, ok: one.ok}
	if one.given {
		for v := range strings.SplitSeq(one.v, ",") {
			list.v = append(list.v, text{v: strings.TrimSpace(v), at: one.at, given: true, ok: true})
		}
	}
	return list
}

// keyOf is the origin of the key of d that is not there.
func (d rawDDNS) keyOf(key string) origin {
	if d.Head.file == Environment {
		return origin{file: Environment, key: "EDGEGUARD_DDNS_" + strings.ToUpper(key)}
	}
	return d.Head.sub(key)
}
