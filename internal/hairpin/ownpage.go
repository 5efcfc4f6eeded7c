package hairpin

// Whose page it is that answers at the public address in place of the service.

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// makers are words by which certificates of routers' own pages are known: names
// that routers answer to, and makers that name themselves in what they sign.
var makers = []string{
	"fritz.box", "fritz!box", "avm", "speedport", "tp-link", "tplink", "netgear", "routerlogin", "asusrouter", "router.asus.com",
	"mikrotik", "routeros", "ubiquiti", "unifi", "edgeos", "openwrt", "pfsense", "opnsense", "draytek", "vigor", "zyxel", "huawei",
	"d-link", "dlink", "linksys", "technicolor", "sagemcom", "livebox", "freebox", "bbox", "digitalisierungsbox", "gl.inet", "gl-inet",
	"keenetic", "arris", "compal", "vodafone station", "connect box", "easybox", "homebox", "ddwrt", "dd-wrt", "turris", "gargoyle",
}

// whosePage says what makes the certificate found in place of the service's the
// router's, within ctx: the router serves the same key on its own LAN address, at
// this port or at 443, or the certificate names a maker of routers.
func whosePage(ctx context.Context, dial dialFunc, gateway netip.Addr, port uint16, found Certificate) string {
	if gateway.IsValid() {
		for _, p := range slices.Compact([]uint16{port, 443}) {
			if keyAt(ctx, dial, netip.AddrPortFrom(gateway, p)) == found.SPKISHA256 {
				return fmt.Sprintf(becauseSameKey, gateway)
			}
		}
	}
	if word := makerIn(found); word != "" {
		return fmt.Sprintf(becauseName, word)
	}
	return becauseUnknown
}

// keyAt is the hex SHA-256 of the public key that an address serves in TLS;
// empty where it serves none.
func keyAt(ctx context.Context, dial dialFunc, address netip.AddrPort) string {
	c := dialTLS(ctx, dial, address, "")
	defer c.hangUp()
	if len(c.chain) == 0 {
		return ""
	}
	sum := sha256.Sum256(c.chain[0].RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

// makerIn is the word by which a certificate is known to be a router's; empty
// where there is none. A word counts only where it stands by itself.
func makerIn(c Certificate) string {
	for _, text := range append([]string{c.SubjectCN, c.Issuer}, c.Names...) {
		text = strings.ToLower(text)
		for _, word := range makers {
			if standsIn(text, word) {
				return word
			}
		}
	}
	return ""
}

// standsIn reports whether word is in text with no letter or digit beside it.
func standsIn(text, word string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		i += from
		end := i + len(word)
		if (i == 0 || !alphanumeric(text[i-1])) && (end == len(text) || !alphanumeric(text[end])) {
			return true
		}
		from = i + 1
	}
}

func alphanumeric(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' }
