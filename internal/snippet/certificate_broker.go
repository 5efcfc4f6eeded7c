package snippet

// What the broker is told.

import "fmt"

func brokerKinds() []certificateKind {
	return []certificateKind{
		{"mosquitto", "Mosquitto: TLS", "mosquitto.conf, added at its end; then restart Mosquitto once", writeMosquitto},
		{"mosquitto-clients", "Mosquitto: TLS for clients with a certificate only", "mosquitto.conf, in the place of the listener of the snippet before; then restart Mosquitto once", writeMosquittoClients},
		{"mosquitto-compose", "Mosquitto in a container", "the compose file, below services:", writeMosquittoCompose},
	}
}

// listener are the lines of both forms. One file for certificate and key, as two
// could be read with the one new and the other old.
func (c Certificate) listener() string {
	return fmt.Sprintf("listener %d\ncertfile %s\nkeyfile %s\ntls_version tlsv1.2\n", c.Listen, c.file("combined.pem"), c.file("combined.pem"))
}

// reloadNotes are on what happens at a renewal.
var reloadNotes = []string{
	"A renewal needs no restart: Mosquitto reads the file anew upon SIGHUP, and its clients stay connected.",
	"Certificate and key are one file, which is replaced in one step: a new certificate never stands beside an old key.",
}

func writeMosquitto(c Certificate) (string, []string) {
	return c.listener(), append([]string{
		"Who may log in is left as it is: with password_file, or with allow_anonymous. Without either, Mosquitto 2 lets nobody in from other machines.",
		"TLS 1.2 is the least; TLS 1.3 is taken where the client can.",
	}, reloadNotes...)
}

func writeMosquittoClients(c Certificate) (string, []string) {
	if !c.Clients {
		return noAuthority, nil
	}
	return c.listener() + fmt.Sprintf("cafile %s\ncrlfile %s\nrequire_certificate true\nuse_identity_as_username true\n", c.file("ca.crt"), c.file("crl.pem")), append([]string{
		"Only clients with a certificate of `edgeguard cert client` get in, and the name that it was made for is their user name, for acl_file; passwords are not asked for.",
		"`edgeguard cert revoke` writes the client into crl.pem, which Mosquitto reads anew upon SIGHUP; a client that is connected stays so until it connects again.",
		"A list that is out of date locks everybody out: edgeguard has to be running to keep it new.",
	}, reloadNotes...)
}

func writeMosquittoCompose(c Certificate) (string, []string) {
	return fmt.Sprintf(`  mosquitto:
    image: eclipse-mosquitto:2
    restart: unless-stopped
    ports:
      - "%d:%d"
    volumes:
      - ./mosquitto/config:/mosquitto/config
      - ./mosquitto/data:/mosquitto/data
      - ./broker-certificates:%s:ro
      - ./mosquitto-reload.sh:/mosquitto-reload.sh:ro
    environment:
      EDGEGUARD_CERT_DIR: %s
    entrypoint: ["/bin/sh", "/mosquitto-reload.sh"]
    command: ["/usr/sbin/mosquitto", "-c", "/mosquitto/config/mosquitto.conf"]
`, c.Listen, c.Listen, c.Folder, c.Folder), []string{
			fmt.Sprintf("edgeguard's own service gets the line `- ./broker-certificates:%s` among its volumes: the folder is shared, and nothing else of edgeguard's.", c.Folder),
			"Share the folder, not single files in it: a file that is replaced is not seen through a mount of its own.",
			"mosquitto-reload.sh is in deploy/ of edgeguard: it starts Mosquitto and sends it SIGHUP when combined.pem or crl.pem is another one, so that [certificate] reload can stay \"none\".",
			"Mosquitto's image runs as 1883: write owner = \"1883:1883\" into [certificate], or it cannot read the key.",
		}
}
