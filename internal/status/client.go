package status

// The client: what `status` and `healthcheck` ask of a running daemon.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"
	"unicode"
)

const (
	// fetchTimeout bounds one question to the daemon, within the caller's
	// own deadline.
	fetchTimeout = 10 * time.Second
	// maxAnswer bounds the daemon's answer.
	maxAnswer = 4 << 20
)

// Fetch asks the daemon at addr (host:port as it listens; an unspecified host
// means this one) for its status. It also returns the JSON as it came, in which
// characters that would act on a terminal have been escaped.
func Fetch(ctx context.Context, addr string) (*Snapshot, []byte, error) {
	code, body, err := get(ctx, addr, "/api/v1/status")
	if err != nil {
		return nil, nil, err
	}
	if code != http.StatusOK {
		return nil, nil, fmt.Errorf("the daemon at %s did not give its status (HTTP %d): %s", addr, code, cut(oneLine(string(body)), maxText))
	}
	var s Snapshot
	if err := json.Unmarshal(body, &s); err != nil {
		return nil, nil, fmt.Errorf("what answers at %s is not edgeguard, or a version that this one can not read; check the address: %w", addr, err)
	}
	if s.Chain == nil {
		return nil, nil, fmt.Errorf("what answers at %s is not edgeguard: its answer holds no chain; check the address", addr)
	}
	return &s, escapeControls(body), nil
}

// CheckHealth returns nil when the daemon at addr says that it works, else why
// not. Addr is as for Fetch.
func CheckHealth(ctx context.Context, addr string) error {
	code, body, err := get(ctx, addr, "/healthz")
	if err != nil {
		return err
	}
	if code != http.StatusOK {
		return fmt.Errorf("the daemon at %s is not healthy (HTTP %d): %s", addr, code, cut(oneLine(string(body)), maxText))
	}
	return nil
}

// get asks once, straight and without following anybody anywhere.
func get(ctx context.Context, addr, path string) (int, []byte, error) {
	host, err := dialable(addr)
	if err != nil {
		return 0, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+path, nil)
	if err != nil {
		return 0, nil, fmt.Errorf("asking the daemon at %q: %w", addr, err)
	}
	client := &http.Client{
		// No proxy: the daemon is on this host or in this LAN.
		Transport:     &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, inWords(addr, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return 0, nil, inWords(addr, err)
	}
	if len(body) > maxAnswer {
		return 0, nil, fmt.Errorf("what answers at %s sent more than %d MiB: it is not edgeguard; check the address", addr, maxAnswer>>20)
	}
	return response.StatusCode, body, nil
}

// dialable turns an address that is listened on into one to dial.
func dialable(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("%q is not an address such as 127.0.0.1:8053: %w", addr, err)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		// [::] takes IPv4 as well, which every host has on loopback.
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// inWords says what a failure to get an answer means.
func inWords(addr string, err error) error {
	var op *net.OpError
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("no answer from edgeguard at %s in time: it may hang or be overloaded; look at its log: %w", addr, err)
	case errors.As(err, &op) && op.Op == "dial":
		return fmt.Errorf("no edgeguard answers at %s: is it running? If it listens elsewhere, give that address: %w", addr, op.Err)
	default:
		return fmt.Errorf("the answer from %s broke off or is not HTTP; is it edgeguard that listens there?: %w", addr, err)
	}
}

// escapeControls writes as \u escapes the characters of a JSON text that act
// on a terminal though they are allowed in strings as they are: DEL, the C1
// controls, and those that turn the direction of text.
func escapeControls(text []byte) []byte {
	var b bytes.Buffer
	for _, r := range string(text) {
		if r >= 0x7f && r <= 0xffff && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.Bytes()
}
