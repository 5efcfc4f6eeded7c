package config

// What the environment may give, for a NAS whose user only fills in a form.

import "strings"

// The environment variables that are read here. One that is empty counts as
// not set: forms leave empty ones behind.
const (
	// EnvConfig names the config file.
	EnvConfig = "EDGEGUARD_CONFIG"
	// EnvServiceAddress stands for the address of the one [[service]].
	EnvServiceAddress = "EDGEGUARD_SERVICE_ADDRESS"
	// EnvDDNSProvider, EnvDDNSDomain, EnvDDNSToken and EnvDDNSTokenFile stand
	// for the keys of the one [[ddns]].
	EnvDDNSProvider  = "EDGEGUARD_DDNS_PROVIDER"
	EnvDDNSDomain    = "EDGEGUARD_DDNS_DOMAIN"
	EnvDDNSToken     = "EDGEGUARD_DDNS_TOKEN"
	EnvDDNSTokenFile = "EDGEGUARD_DDNS_TOKEN_FILE"
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
	d := rawDDNS{
		Head:      origin{file: Environment},
		Provider:  fromEnv(env, EnvDDNSProvider),
		Domain:    fromEnv(env, EnvDDNSDomain),
		Token:     secretText{fromEnv(env, EnvDDNSToken)},
		TokenFile: secretText{fromEnv(env, EnvDDNSTokenFile)},
	}
	switch len(raw.DDNS) {
	case 0:
		if d.Provider.given || d.Domain.given || d.Token.given || d.TokenFile.given {
			raw.DDNS = []rawDDNS{d}
		}
	case 1:
		addEnvToken(&raw.DDNS[0], d, r)
		fallthrough
	default:
		for _, t := range []text{d.Provider, d.Domain} {
			if t.given {
				r.fail(t.at, "the config file has a [[ddns]] already, %s; take out one of the two", raw.DDNS[0].Head)
			}
		}
	}
	if len(raw.DDNS) > 1 {
		for _, t := range []secretText{d.Token, d.TokenFile} {
			if t.given {
				r.fail(t.at, "the config file has %d [[ddns]] tables, and this could be the token of any; write a token_file in each instead", len(raw.DDNS))
			}
		}
	}
}

// addEnvToken gives the one [[ddns]] of the file the environment's token.
func addEnvToken(d *rawDDNS, env rawDDNS, r *report) {
	for _, own := range []secretText{d.Token, d.TokenFile} {
		if !own.given {
			continue
		}
		for _, t := range []secretText{env.Token, env.TokenFile} {
			if t.given {
				r.fail(t.at, "the config file has the token already, %s; take out one of the two", own.at)
			}
		}
		return
	}
	d.Token, d.TokenFile = env.Token, env.TokenFile
}

// keyOf is the origin of the key of d that is not there.
func (d rawDDNS) keyOf(key string) origin {
	if d.Head.file == Environment {
		return origin{file: Environment, key: "EDGEGUARD_DDNS_" + strings.ToUpper(key)}
	}
	return d.Head.sub(key)
}
