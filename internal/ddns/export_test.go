package ddns

// What the tests reach inside for.

import (
	"context"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns/provider"
)

// NewWith is New with an authority of the test's, and with its providers where
// provider is not nil.
func NewWith(cfg Config, addresses Addresses, a Authority, make func(RecordConfig) (provider.Provider, error)) (*Manager, error) {
	if make == nil {
		make = realProvider(cfg)
	}
	return newManager(cfg, addresses, parts{authority: a, provider: make})
}

// LookWith is Look with an authority of the test's.
func LookWith(ctx context.Context, cfg Config, addresses Addresses, a Authority) (Status, error) {
	return look(ctx, cfg, addresses, a)
}

// LoadState reads a state file's text and returns, of each record as it would
// be used at now, the times that hold writes back, the counts and the words.
func LoadState(raw []byte, now time.Time) (held []time.Time, counts []int, words []string, err error) {
	recs, err := parseState(raw)
	s := &store{records: recs}
	for i := range recs {
		m := s.load(i, now)
		held = append(held, m.At, m.NotBefore)
		counts = append(counts, m.Repeats, m.Refusals)
		words = append(words, m.Stopped, m.Action)
	}
	return held, counts, words, err
}

// Suits is RecordConfig.suits.
func Suits(rec RecordConfig, k provider.Kind) error { return rec.suits(k) }

// Fingerprint and FingerprintV1 are those of RecordConfig.
func Fingerprint(rec RecordConfig, salt string) string { return rec.fingerprint(salt) }

// FingerprintV1 is the one of the version before.
func FingerprintV1(rec RecordConfig) string { return rec.fingerprintV1() }
