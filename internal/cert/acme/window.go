package acme

// When the CA wants a certificate to be renewed (RFC 9773).

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mholt/acmez/v3/acme"

	"github.com/edgeguard/edgeguard/internal/tidy"
)

const (
	// askLeast, askMost and askUsual bound when to ask anew (RFC 9773, section
	// 4.3.2), and say it where the CA does not.
	askLeast, askMost, askUsual = time.Minute, 24 * time.Hour, 6 * time.Hour
	// maxEarly is how long before a certificate begins its window may end: CAs
	// date certificates back, and windows of revoked ones too.
	maxEarly = 48 * time.Hour
)

// Window asks when the CA wants leaf to be renewed. It returns ErrNoWindow where
// the CA has no such thing, does not know leaf, or answers nonsense; a *Fault
// where it was not reached; or ctx's error.
func (i *Issuer) Window(ctx context.Context, leaf *x509.Certificate) (Window, error) {
	if leaf == nil || leaf.SerialNumber == nil || len(leaf.AuthorityKeyId) == 0 {
		return Window{}, fmt.Errorf("%w: the certificate does not name its issuer's key", ErrNoWindow)
	}
	id, err := acme.ARIUniqueIdentifier(leaf)
	if err != nil {
		return Window{}, fmt.Errorf("%w: %w", ErrNoWindow, err)
	}
	defer i.base.CloseIdleConnections()
	a := &ask{keep: true}
	dir, err := fetchDirectory(asking(ctx, a), i.plain, i.cfg.Directory, a)
	if err != nil {
		return Window{}, windowFault(ctx, err, a)
	}
	if dir.RenewalInfo == "" {
		return Window{}, ErrNoWindow
	}
	a = &ask{keep: true}
	req, err := http.NewRequestWithContext(asking(ctx, a), http.MethodGet, strings.TrimSuffix(dir.RenewalInfo, "/")+"/"+id, nil)
	if err != nil {
		return Window{}, fmt.Errorf("%w: %w", ErrNoWindow, err)
	}
	if i.cfg.UserAgent != "" {
		req.Header.Set("User-Agent", i.cfg.UserAgent)
	}
	res, err := i.plain.Do(req)
	if err != nil {
		return Window{}, windowFault(ctx, err, a)
	}
	res.Body.Close()
	switch {
	case res.StatusCode == http.StatusNotFound, res.StatusCode == http.StatusBadRequest:
		return Window{}, fmt.Errorf("%w: it does not know this certificate", ErrNoWindow)
	case res.StatusCode != http.StatusOK:
		return Window{}, windowFault(ctx, &statusError{res.StatusCode, a.retry}, a)
	}
	w, err := parseWindow(a.body, leaf.NotBefore, leaf.NotAfter)
	if err != nil {
		return Window{}, err
	}
	w.AskAgain = askAgain(a.retry, time.Now())
	return w, nil
}

func windowFault(ctx context.Context, err error, a *ask) error {
	err = judge(ctx, err, a, "asking when to renew")
	if f := (*failure)(nil); errors.As(err, &f) {
		return &f.Fault
	}
	return err
}

// askAgain bounds when to ask anew.
func askAgain(at, now time.Time) time.Time {
	switch {
	case at.IsZero():
		return now.Add(askUsual)
	case at.Before(now.Add(askLeast)):
		return now.Add(askLeast)
	case at.After(now.Add(askMost)):
		return now.Add(askMost)
	}
	return at
}

// parseWindow reads a window for a certificate of that life; ErrNoWindow for one
// that makes no sense.
func parseWindow(text []byte, notBefore, notAfter time.Time) (Window, error) {
	var answer struct {
		SuggestedWindow struct {
			Start time.Time `json:"start"`
			End   time.Time `json:"end"`
		} `json:"suggestedWindow"`
		ExplanationURL string `json:"explanationURL"`
	}
	if json.Unmarshal(text, &answer) != nil {
		return Window{}, fmt.Errorf("%w: its answer cannot be read", ErrNoWindow)
	}
	w := Window{Start: answer.SuggestedWindow.Start, End: answer.SuggestedWindow.End}
	switch {
	case w.Start.IsZero(), w.End.IsZero(), !w.Start.Before(w.End):
		return Window{}, fmt.Errorf("%w: its window has no length", ErrNoWindow)
	case w.End.After(notAfter), w.End.Before(notBefore.Add(-maxEarly)):
		return Window{}, fmt.Errorf("%w: its window lies outside of the certificate's life", ErrNoWindow)
	}
	if isHTTPS(answer.ExplanationURL) && len(answer.ExplanationURL) <= 200 {
		w.Explanation = tidy.Line(answer.ExplanationURL, 200)
	}
	return w, nil
}
