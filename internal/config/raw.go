package config

// The shape of the TOML file. The tags of these structs are the list of keys:
// the decoder, the suggestions and the tests over the example and the reference
// read them from here. Meanings, defaults and units are in
// docs/configuration.md and configs/example.toml.

// rawFile is the file as it was written, each value with its place. Head is the
// place of the table itself.
type rawFile struct {
	StateDir    text           `toml:"state_dir"`
	Service     []rawService   `toml:"service"`
	DDNS        []rawDDNS      `toml:"ddns"`
	LAN         rawLAN         `toml:"lan"`
	WAN         rawWAN         `toml:"wan"`
	Portmap     rawPortmap     `toml:"portmap"`
	DNS         rawDNS         `toml:"dns"`
	Certificate rawCertificate `toml:"certificate"`
	Status      rawStatus      `toml:"status"`
	Notify      []rawNotify    `toml:"notify"`
	Push        rawPush        `toml:"push"`
	Outside     rawOutside     `toml:"outside"`
	Log         rawLog         `toml:"log"`
}

type rawService struct {
	Head         origin
	Name         text    `toml:"name"`
	Address      text    `toml:"address"`
	MAC          text    `toml:"mac"`
	Remote       boolean `toml:"remote"`
	ExternalPort integer `toml:"external_port"`
	Names        texts   `toml:"names"`
	CAFile       text    `toml:"ca_file"`
	Kind         text    `toml:"kind"`
	LANIPv6      text    `toml:"lan_ipv6"`
	Wildcard     boolean `toml:"wildcard"`

	// The keys that the look at the service reads.
	Username        text       `toml:"username"`
	Password        secretText `toml:"password"`
	PasswordFile    secretText `toml:"password_file"`
	CertificateFile text       `toml:"certificate_file"`
}

type rawDDNS struct {
	Head      origin
	Provider  text       `toml:"provider"`
	Domain    text       `toml:"domain"`
	Types     texts      `toml:"types"`
	Zone      text       `toml:"zone"`
	Server    text       `toml:"server"`
	User      text       `toml:"user"`
	Token     secretText `toml:"token"`
	TokenFile secretText `toml:"token_file"`
	Key       secretText `toml:"key"`
	KeyFile   secretText `toml:"key_file"`
	Algorithm text       `toml:"algorithm"`
	IPv6Host  text       `toml:"ipv6_host"`
	OnExit    text       `toml:"on_exit"`
}

type rawLAN struct {
	Router  text `toml:"router"`
	Address text `toml:"address"`
}

type rawWAN struct {
	Sources       texts `toml:"sources"`
	SourcesIPv6   texts `toml:"sources_ipv6"`
	IPv6Interface text  `toml:"ipv6_interface"`

	// The keys that routerEvents reads.
	EventPort integer `toml:"event_port"`
	EventHost text    `toml:"event_host"`
}

type rawNotify struct {
	Head         origin
	URL          secretText `toml:"url"`
	URLFile      secretText `toml:"url_file"`
	On           texts      `toml:"on"`
	AfterSeconds integer    `toml:"after_seconds"`
}

type rawPush struct {
	User         text       `toml:"user"`
	Password     secretText `toml:"password"`
	PasswordFile secretText `toml:"password_file"`
}

type rawOutside struct {
	CheckURL        secretText `toml:"check_url"`
	CheckURLFile    secretText `toml:"check_url_file"`
	Expect          text       `toml:"expect"`
	IntervalSeconds integer    `toml:"interval_seconds"`
}

type rawPortmap struct {
	Enabled      boolean `toml:"enabled"`
	Methods      texts   `toml:"methods"`
	LeaseSeconds integer `toml:"lease_seconds"`
	IPv6         boolean `toml:"ipv6"`

	// The keys that relay reads.
	Relay               text    `toml:"relay"`
	RelayMaxConnections integer `toml:"relay_max_connections"`
	RelayMaxPerSource   integer `toml:"relay_max_per_source"`
	RelayIdleSeconds    integer `toml:"relay_idle_seconds"`
	RelayProxyProtocol  boolean `toml:"relay_proxy_protocol"`

	Forward []rawPortForward `toml:"forward"`
}

type rawPortForward struct {
	Head         origin
	Name         text    `toml:"name"`
	Address      text    `toml:"address"`
	Protocol     text    `toml:"protocol"`
	ExternalPort integer `toml:"external_port"`
}

type rawDNS struct {
	Listen     texts   `toml:"listen"`
	Upstreams  texts   `toml:"upstreams"`
	Bootstrap  texts   `toml:"bootstrap"`
	Allow      texts   `toml:"allow"`
	CacheBytes integer `toml:"cache_bytes"`
	TTLSeconds integer `toml:"ttl_seconds"`

	// The keys that dnsCache reads.
	CacheMinTTL  integer `toml:"cache_min_ttl_seconds"`
	CacheMaxTTL  integer `toml:"cache_max_ttl_seconds"`
	CachePersist boolean `toml:"cache_persist"`
	ServeStale   boolean `toml:"serve_stale"`
	StaleMax     integer `toml:"stale_max_seconds"`
	PTR          boolean `toml:"ptr"`
	Canary       boolean `toml:"canary"`

	PrivateRelay     text    `toml:"private_relay"`
	RebindProtection boolean `toml:"rebind_protection"`
	RebindAllow      texts   `toml:"rebind_allow"`

	// The keys that dnsDoor reads.
	TLSListen   texts   `toml:"tls_listen"`
	TLSCertFile text    `toml:"tls_cert_file"`
	TLSKeyFile  text    `toml:"tls_key_file"`
	RateLimit   integer `toml:"rate_limit"`
	PacketLoop  text    `toml:"packet_loop"`

	Forward []rawForward `toml:"forward"`
	Record  []rawRecord  `toml:"record"`
}

type rawForward struct {
	Head      origin
	Zone      text  `toml:"zone"`
	Upstreams texts `toml:"upstreams"`
}

type rawRecord struct {
	Head       origin
	Name       text      `toml:"name"`
	Type       text      `toml:"type"`
	Value      oneOrMore `toml:"value"`
	TTLSeconds integer   `toml:"ttl_seconds"`
}

type rawCertificate struct {
	Head      origin
	Mode      text    `toml:"mode"`
	Names     texts   `toml:"names"`
	Addresses texts   `toml:"addresses"`
	Key       text    `toml:"key"`
	NewKey    boolean `toml:"new_key"`
	Services  texts   `toml:"services"`

	// The keys that deploy reads.
	Directory     text  `toml:"directory"`
	Owner         text  `toml:"owner"`
	FileMode      text  `toml:"file_mode"`
	Reload        text  `toml:"reload"`
	ReloadProcess text  `toml:"reload_process"`
	ReloadPIDFile text  `toml:"reload_pid_file"`
	ReloadCommand texts `toml:"reload_command"`

	ACME  rawACME  `toml:"acme"`
	OwnCA rawOwnCA `toml:"own_ca"`
}

type rawACME struct {
	Head        origin
	Server      text       `toml:"server"`
	Email       text       `toml:"email"`
	Profile     text       `toml:"profile"`
	Challenge   text       `toml:"challenge"`
	Rehearse    boolean    `toml:"rehearse"`
	CAFile      text       `toml:"ca_file"`
	EABKeyID    text       `toml:"eab_key_id"`
	EABKey      secretText `toml:"eab_key"`
	EABKeyFile  secretText `toml:"eab_key_file"`
	Propagation integer    `toml:"propagation_seconds"`

	DNS []rawACMEDNS `toml:"dns"`
}

// rawACMEDNS is the keys of a [[ddns]] that reach its provider.
type rawACMEDNS struct {
	Head      origin
	Provider  text       `toml:"provider"`
	Domain    text       `toml:"domain"`
	Zone      text       `toml:"zone"`
	Server    text       `toml:"server"`
	User      text       `toml:"user"`
	Token     secretText `toml:"token"`
	TokenFile secretText `toml:"token_file"`
	Key       secretText `toml:"key"`
	KeyFile   secretText `toml:"key_file"`
	Algorithm text       `toml:"algorithm"`
}

type rawOwnCA struct {
	Head           origin
	LifetimeDays   integer `toml:"lifetime_days"`
	PassphraseFile text    `toml:"passphrase_file"`
}

type rawStatus struct {
	Listen text `toml:"listen"`
}

type rawLog struct {
	Level  text `toml:"level"`
	Format text `toml:"format"`
}

// scalar is a value as it was written. Where given is true and ok is false it
// was of the wrong type, which has been reported.
type scalar[T any] struct {
	v         T
	at        origin
	given, ok bool
}

type (
	text    = scalar[string]
	integer = scalar[int64]
	boolean = scalar[bool]
	texts   = scalar[[]text]
)

// secretText is a text that must never be quoted. A token_file is one too, as
// tokens get pasted there.
type secretText struct{ text }

// oneOrMore is a text, or a list of them.
type oneOrMore struct{ texts }
