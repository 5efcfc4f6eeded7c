package acme

// Header fields of a CA's answers.

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetry bounds what a CA can make us wait: its longest limits are counted
// over a week.
const maxRetry = 8 * 24 * time.Hour

// retryAfter reads a Retry-After field (RFC 9110, section 10.2.3), and returns
// the moment, at most maxRetry from now; zero where there is none, or nonsense.
func retryAfter(text string, now time.Time) time.Time {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > 64 {
		return time.Time{}
	}
	most := now.Add(maxRetry)
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		at := now.Add(time.Duration(seconds) * time.Second)
		if at.After(most) {
			return most
		}
		return at
	}
	at, err := http.ParseTime(text)
	switch {
	case err != nil || at.Before(now):
		return time.Time{}
	case at.After(most):
		return most
	}
	return at
}

// nextPage returns the address of the next page that Link fields name (RFC
// 8555, section 7.1.2.1), or none.
func nextPage(links []string) string {
	for _, field := range links {
		for link := range strings.SplitSeq(field, ",") {
			address, parameters, _ := strings.Cut(link, ";")
			address = strings.TrimSpace(address)
			if len(address) < 2 || address[0] != '<' || address[len(address)-1] != '>' {
				continue
			}
			for parameter := range strings.SplitSeq(parameters, ";") {
				name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
				if strings.EqualFold(name, "rel") && strings.Trim(value, `"`) == "next" {
					return address[1 : len(address)-1]
				}
			}
		}
	}
	return ""
}
