package main

// From the config and what the state holds to the texts on the certificate.

import (
	"crypto/rsa"
	"math/big"
	"path/filepath"
	"slices"

	"github.com/edgeguard/edgeguard/internal/cert"
	"github.com/edgeguard/edgeguard/internal/cert/authority"
	"github.com/edgeguard/edgeguard/internal/cert/keys"
	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/snippet"
)

// certificateInput is what the texts on the certificate are made of. Held may be
// nil, and seen be zero.
func certificateInput(cfg *config.Config, held *heldShown, seen authority.Overview) snippet.Certificate {
	c := snippet.Certificate{
		Names: cfg.Certificate.Names, OwnCA: cfg.Certificate.Mode == cert.OwnCA, Clients: seen.Root != nil,
		RSA: cfg.Certificate.Key != keys.P256,
	}
	if directory := cfg.Certificate.Deploy.Directory; directory != "" {
		if folder, err := filepath.Abs(directory); err == nil {
			c.Folder = folder
		}
	}
	if at := slices.IndexFunc(cfg.Services, func(s config.Service) bool { return slices.Contains(cfg.Certificate.Services, s.Name) }); at >= 0 {
		s := cfg.Services[at]
		c.Port, c.Listen = s.ExternalPort, s.Address.Port()
	}
	if held != nil {
		c.RSA = held.Key != keys.P256
		if held.Tasmota != nil {
			c.Fingerprint = *held.Tasmota
		}
	}
	if c.OwnCA && seen.Root != nil {
		if key, ok := seen.Root.PublicKey.(*rsa.PublicKey); ok {
			c.Root = &snippet.Anchor{Subject: seen.Root.RawSubject, Modulus: key.N.Bytes(), Exponent: big.NewInt(int64(key.E)).Bytes()}
		}
	}
	return c
}

// keptSnippets are the texts on the certificate from the files alone; nil where
// none is kept. What cannot be read leaves out what it would have told.
func keptSnippets(cfg *config.Config) []snippet.Snippet {
	shown, seen, err := lookAtCert(cfg)
	if err != nil {
		return certSnippets(cfg, nil, authority.Overview{})
	}
	return certSnippets(cfg, shown.Held, seen)
}
