package config

// KnownSections is the schema for the tests over the example and the reference:
// each header as it is written, with its keys.
func KnownSections() map[string][]string {
	m := map[string][]string{}
	for _, s := range sections() {
		m[s.header] = s.keys
	}
	return m
}

// PlainServers lists the servers that can be asked in plain.
var PlainServers = plainServers
