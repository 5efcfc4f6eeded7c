package acme

// The directory of a CA (RFC 8555, section 7.1.1): what it offers, and where.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/mholt/acmez/v3/acme"
)

// directory is a CA's directory, checked.
type directory struct {
	acme.Directory
	// mark tells this text from another one.
	mark string
}

// identities are the names by which CAA records allow this CA; nil means that
// it does not say.
func (d directory) identities() []string {
	if d.Meta == nil {
		return nil
	}
	return d.Meta.CAAIdentities
}

// profile returns name where the CA has a profile of that name, and else none.
func (d directory) profile(name string) string {
	if d.Meta != nil && name != "" {
		if _, ok := d.Meta.Profiles[name]; ok {
			return name
		}
	}
	return ""
}

// fetchDirectory gets a CA's directory anew, so that a CA which is not there is
// seen before anything is spent. a, which keeps the answer, is what ctx carries.
func fetchDirectory(ctx context.Context, client *http.Client, address string, a *ask) (directory, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return directory{}, err
	}
	res, err := client.Do(req)
	if err != nil {
		return directory{}, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return directory{}, &statusError{res.StatusCode, a.retry}
	}
	return parseDirectory(a.body)
}

// parseDirectory reads a directory, and refuses one that cannot be worked with.
func parseDirectory(text []byte) (directory, error) {
	var d directory
	if err := json.Unmarshal(text, &d.Directory); err != nil {
		return directory{}, errors.New("what the CA's address answers is no ACME directory")
	}
	for name, address := range map[string]string{"newNonce": d.NewNonce, "newAccount": d.NewAccount, "newOrder": d.NewOrder} {
		if !isHTTPS(address) {
			return directory{}, fmt.Errorf("what the CA's address answers is no ACME directory: it has no usable %s", name)
		}
	}
	if d.RenewalInfo != "" && !isHTTPS(d.RenewalInfo) {
		d.RenewalInfo = ""
	}
	if d.Meta != nil && (len(d.Meta.CAAIdentities) > 32 || len(d.Meta.Profiles) > 32) {
		return directory{}, errors.New("the CA's directory is longer than any should be")
	}
	sum := sha256.Sum256(text)
	d.mark = hex.EncodeToString(sum[:8])
	return d, nil
}

// isHTTPS reports whether text is a whole https URL.
func isHTTPS(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Host != "" && len(text) < 2048
}

// document is the directory as the library is to see it. RenewalInfo is left
// out: the library would ask it for each certificate that it gets, and wait.
func (d directory) document() []byte {
	shown := d.Directory
	shown.RenewalInfo = ""
	text, err := json.Marshal(shown)
	if err != nil {
		panic(err) // strings encode
	}
	return bytes.TrimSpace(text)
}

// newClient returns the library's client for d at address. The library keeps
// directories for the process by their address, so the address bears the mark
// of the text.
func (d directory) newClient(base *http.Transport, address string, cfg Config, timeout time.Duration) *acme.Client {
	w := &wire{base: base, at: address, document: d.document()}
	return &acme.Client{
		Directory:   address + "#" + d.mark,
		HTTPClient:  w.client(timeout),
		UserAgent:   cfg.UserAgent,
		PollTimeout: 1, // we poll ourselves: our waits are bounded, and can be cut off
	}
}
