package main

// edgeguard cert show: what is held, what is handed over, and the lines for
// brokers and clients.

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/cert"
	"github.com/edgeguard/edgeguard/internal/cert/authority"
	"github.com/edgeguard/edgeguard/internal/cert/deploy"
	"github.com/edgeguard/edgeguard/internal/cert/keys"
	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/edgeguard/edgeguard/internal/durable"
	"github.com/edgeguard/edgeguard/internal/snippet"
	"github.com/spf13/cobra"
)

// certShown is the JSON of cert show. What is not there is null.
type certShown struct {
	Mode      cert.Mode       `json:"mode"`
	Names     []string        `json:"names"`
	Held      *heldShown      `json:"held"`
	Handed    *handedShown    `json:"handed"`
	Authority *authorityShown `json:"authority"`
	Snippets  []snippetShown  `json:"snippets"`
}

type heldShown struct {
	Names       []string  `json:"names"`
	Issuer      string    `json:"issuer"`
	Serial      string    `json:"serial"`
	NotBefore   time.Time `json:"not_before"`
	NotAfter    time.Time `json:"not_after"`
	Key         keys.Kind `json:"key"`
	SHA256      string    `json:"sha256"`
	SPKI        string    `json:"spki_sha256"`
	Tasmota     *string   `json:"tasmota_fingerprint"`
	certificate *x509.Certificate
}

// handedShown is the folder that is shared with the broker.
type handedShown struct {
	Directory string `json:"directory"`
	// Same is whether it holds what is held; null while that cannot be told.
	Same  *bool  `json:"same"`
	State string `json:"state"`
}

type authorityShown struct {
	Name      string    `json:"name"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	SHA256    string    `json:"sha256"`
}

type snippetShown struct {
	ID    string   `json:"id"`
	Title string   `json:"title"`
	Where string   `json:"where"`
	Text  string   `json:"text"`
	Notes []string `json:"notes"`
}

func newCertShow(o *certOptions) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show the certificate, what is handed over, and the lines for broker and clients",
		Long: "Show says which certificate is held and which one is handed over to the broker, and writes the\n" +
			"lines for the broker and its clients, made from the config. It reads state_dir, needs no daemon\n" +
			"and changes nothing.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.load()
			if err != nil {
				return err
			}
			shown, seen, err := lookAtCert(cfg)
			if err != nil {
				return failed(err)
			}
			list := certSnippets(cfg, shown.Held, seen)
			if asJSON {
				for _, s := range list {
					shown.Snippets = append(shown.Snippets, snippetShown{s.ID, s.Title, s.Where, s.Text, append([]string{}, s.Notes...)})
				}
				return writeJSON(cmd, shown)
			}
			if err := say(cmd.OutOrStdout(), describeCert(shown, seen)...); err != nil || len(list) == 0 {
				return err
			}
			if err := say(cmd.OutOrStdout(), ""); err != nil {
				return err
			}
			return writeSnippets(cmd.OutOrStdout(), list)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// lookAtCert reads what there is. The Overview is zero where there is no
// authority.
func lookAtCert(cfg *config.Config) (*certShown, authority.Overview, error) {
	shown := &certShown{Mode: cfg.Certificate.Mode, Names: append([]string{}, cfg.Certificate.Names...), Snippets: []snippetShown{}}
	pair, err := readPair(filepath.Join(certFolder(cfg), "current.pem"))
	switch {
	case err == nil:
		shown.Held = showHeld(pair.Leaf())
	case !errors.Is(err, fs.ErrNotExist):
		return nil, authority.Overview{}, adviseCA(err)
	}
	if cfg.Certificate.Mode != cert.None {
		shown.Handed = showHanded(cfg.Certificate.Deploy.Directory, pair)
	}
	seen, err := authority.Read(caFolder(cfg))
	if err != nil && !errors.Is(err, authority.ErrNone) {
		return nil, seen, adviseCA(err)
	}
	if err == nil {
		shown.Authority = &authorityShown{plainText(seen.Root.Subject.CommonName), seen.Root.NotBefore, seen.Root.NotAfter, colons(sha256.Sum256(seen.Root.Raw))}
	}
	return shown, seen, nil
}

// readPair reads a combined file.
func readPair(path string) (keys.Pair, error) {
	text, err := durable.ReadFile(path, maxPairFile)
	if err != nil {
		return keys.Pair{}, err
	}
	pair, err := keys.ParsePair(text)
	if err != nil {
		return keys.Pair{}, fmt.Errorf("%s: %w", path, err)
	}
	return pair, nil
}

func showHeld(leaf *x509.Certificate) *heldShown {
	kind, _ := keys.KindOf(leaf.PublicKey)
	h := &heldShown{
		Names: []string{}, Issuer: plainText(leaf.Issuer.CommonName), Serial: fmt.Sprintf("%032x", leaf.SerialNumber),
		NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter, Key: kind,
		SHA256: colons(sha256.Sum256(leaf.Raw)), SPKI: colons(sha256.Sum256(leaf.RawSubjectPublicKeyInfo)), certificate: leaf,
	}
	for _, name := range leaf.DNSNames {
		h.Names = append(h.Names, plainText(name))
	}
	for _, ip := range leaf.IPAddresses {
		h.Names = append(h.Names, ip.String())
	}
	if h.Issuer == "" && len(leaf.Issuer.Organization) > 0 {
		h.Issuer = plainText(leaf.Issuer.Organization[0])
	}
	if print := keys.TasmotaFingerprint(leaf.PublicKey); print != "" {
		h.Tasmota = &print
	}
	return h
}

// showHanded compares the folder with what is held.
func showHanded(directory string, held keys.Pair) *handedShown {
	h := &handedShown{Directory: directory}
	same := func(is bool, words string) *handedShown {
		h.Same, h.State = &is, words
		return h
	}
	pair, err := readPair(filepath.Join(directory, deploy.FileCombined))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return same(false, "nothing has been handed over yet")
	case errors.Is(err, fs.ErrPermission):
		h.State = "the folder cannot be read by this user, so it is not known what was handed over"
		return h
	case err != nil:
		return same(false, plainText(err.Error()))
	case held.IsZero():
		return same(false, "another certificate stands there, and none is held")
	case !bytes.Equal(pair.Leaf().Raw, held.Leaf().Raw):
		return same(false, "another certificate stands there than the one that is held")
	}
	return same(true, "the certificate that is held")
}

// describeCert is all of it in words.
func describeCert(shown *certShown, seen authority.Overview) (lines []string) {
	switch h := shown.Held; {
	case h != nil:
		lines = append(lines, "Certificate of "+strings.Join(h.Names, ", "),
			"  Issuer    "+h.Issuer, "  Serial    "+h.Serial, "  Valid     "+validity(h.certificate), "  Key       "+string(h.Key),
			"  SHA-256   "+h.SHA256, "  of key    "+h.SPKI)
		if h.Tasmota != nil {
			lines = append(lines, "  Tasmota   "+*h.Tasmota)
		}
	case shown.Mode == cert.None:
		lines = append(lines, `No certificate is kept: mode is "none" in [certificate], so others look after it.`)
	default:
		lines = append(lines, "No certificate is held yet. `edgeguard status` shows what the daemon is about.")
	}
	if shown.Handed != nil {
		lines = append(lines, "Handed over in "+shown.Handed.Directory, "  combined.pem  "+shown.Handed.State)
	}
	if shown.Authority != nil {
		lines = append(lines, describeCA(seen.Root, seen.Issuer)...)
	}
	return lines
}

// certSnippets are the texts on the certificate; nil where none is kept.
func certSnippets(cfg *config.Config, held *heldShown, seen authority.Overview) []snippet.Snippet {
	if cfg.Certificate.Mode == cert.None {
		return nil
	}
	return snippet.Certificates(certificateInput(cfg, held, seen))
}
