package wan

// Reading an echo service's answer.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
)

// ask sends the question and reads the one address in the answer.
func (e *echo) ask(ctx context.Context) (netip.Addr, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, e.url, nil)
	if err != nil {
		return netip.Addr{}, err
	}
	request.Header.Set("User-Agent", "edgeguard")
	request.Header.Set("Accept", "text/plain, application/json;q=0.9")
	request.Header.Set("Cache-Control", "no-cache")
	response, err := e.client.Do(request)
	if err != nil {
		return netip.Addr{}, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return netip.Addr{}, fmt.Errorf("it answered with HTTP status %d", response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return netip.Addr{}, fmt.Errorf("reading answer: %w", err)
	}
	return ParseAnswer(body, e.family)
}

// ParseAnswer reads an echo service's answer: a bare address, a JSON object
// with "ip", or Cloudflare's trace with its line "ip=…". There must be exactly
// one address, and it must be of family. Nothing is ever picked out of other text:
// a captive portal's page holds addresses too.
func ParseAnswer(body []byte, family Family) (netip.Addr, error) {
	if len(body) > maxBody {
		return netip.Addr{}, fmt.Errorf("its answer is longer than %d bytes, so it is no bare address", maxBody)
	}
	body = bytes.TrimSpace(body)
	switch {
	case len(body) == 0:
		return netip.Addr{}, errors.New("its answer is empty")
	case body[0] == '{':
		return parseJSON(body, family)
	case body[0] == '<':
		return netip.Addr{}, errors.New("it answered with a web page, not an address; a portal or filter may be in the way")
	case bytes.IndexByte(body, '=') >= 0:
		return parseTrace(string(body), family)
	default:
		return parseAddr(string(body), family)
	}
}

func parseAddr(text string, family Family) (netip.Addr, error) {
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, errors.New("its answer is no bare IP address")
	}
	if addr = addr.Unmap(); !family.is(addr) {
		other := IPv4 + IPv6 - family
		return netip.Addr{}, fmt.Errorf("it answered with an %s address although it was asked over %s; use its %s URL", other, family, family)
	}
	return addr, nil
}

// parseJSON reads the top level of one object by hand, as the decoder would
// let a second "ip" win in silence.
func parseJSON(body []byte, family Family) (netip.Addr, error) {
	malformed := errors.New("its answer is malformed JSON")
	decoder := json.NewDecoder(bytes.NewReader(body))
	if _, err := decoder.Token(); err != nil {
		return netip.Addr{}, malformed
	}
	var found []json.RawMessage
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return netip.Addr{}, malformed
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return netip.Addr{}, malformed
		}
		if key == "ip" {
			found = append(found, value)
		}
	}
	if _, err := decoder.Token(); err != nil {
		return netip.Addr{}, malformed
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return netip.Addr{}, malformed
	}
	var text string
	if len(found) != 1 || json.Unmarshal(found[0], &text) != nil {
		return netip.Addr{}, errors.New(`its JSON does not hold exactly one text "ip"`)
	}
	return parseAddr(text, family)
}

// parseTrace reads lines of key=value, as https://1.1.1.1/cdn-cgi/trace gives.
func parseTrace(body string, family Family) (netip.Addr, error) {
	var found []string
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || key == "" || strings.ContainsAny(key, " \t<>\"") {
			return netip.Addr{}, errors.New("its answer is neither a bare address, nor JSON, nor lines of key=value")
		}
		if key == "ip" {
			found = append(found, value)
		}
	}
	if len(found) != 1 {
		return netip.Addr{}, fmt.Errorf(`its answer holds %d lines "ip=…" instead of one`, len(found))
	}
	return parseAddr(found[0], family)
}
