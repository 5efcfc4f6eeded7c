package acme

// The Issuer: one certificate at a time, from what is written down or from the
// CA.

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/durable"
)

// Issuer obtains certificates from one CA. Its methods may be called from
// several goroutines; Obtain, Sweep and Forget run one after the other.
type Issuer struct {
	cfg   Config
	log   *slog.Logger
	base  *http.Transport
	plain *http.Client // for what is not signed
	turn  chan struct{}
	// What tests make shorter.
	askTime, pace, singleRest time.Duration

	written []txt // by who has the turn
}

// New returns the issuer of cfg, whose Folder it makes. It returns an error for
// a config that cannot work; it asks nobody anything yet.
func New(cfg Config) (*Issuer, error) {
	if cfg.Challenge == "" {
		cfg.Challenge = DNS01
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if err := checkConfig(cfg); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of the CA's state: %w", err)
	}
	i := &Issuer{
		cfg: cfg, log: cfg.Log, base: newTransport(cfg), turn: make(chan struct{}, 1),
		askTime: askTime, pace: 2 * time.Second, singleRest: singleRest,
	}
	i.plain = (&wire{base: i.base}).client(i.askTime)
	if err := i.loadTXT(); err != nil {
		if damaged := (*durable.DamagedError)(nil); !errors.As(err, &damaged) {
			return nil, fmt.Errorf("reading which TXT records are to be taken away: %w", err)
		}
		i.log.Warn("which TXT records are to be taken away is lost", "error", err)
	}
	return i, nil
}

func checkConfig(cfg Config) error {
	for what, address := range map[string]string{"address": cfg.Directory, "rehearsal's address": cfg.Rehearsal} {
		u, err := url.Parse(address)
		if address == "" && what == "rehearsal's address" {
			continue
		}
		if err != nil || !isHTTPS(address) || u.Fragment != "" || u.User != nil {
			return fmt.Errorf("the %s of the CA's directory is not an https URL", what)
		}
	}
	switch {
	case cfg.Challenge != DNS01 && cfg.Challenge != HTTP01:
		return fmt.Errorf("there is no challenge %q", string(cfg.Challenge))
	case cfg.Challenge == DNS01 && (cfg.Records == nil || cfg.Names == nil):
		return errors.New("dns-01 needs somebody who writes TXT records, and somebody who looks names up")
	case cfg.Challenge == HTTP01 && cfg.Ports == nil:
		return errors.New("http-01 needs somebody who opens port 80")
	case (cfg.EABKeyID == "") != cfg.EABKey.IsZero():
		return errors.New("the key id and the key of the external account go together")
	case cfg.Folder == "":
		return errors.New("there is no folder for the CA's state")
	}
	return nil
}

// take takes the turn, or returns ctx's end.
func (i *Issuer) take(ctx context.Context) error {
	select {
	case i.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (i *Issuer) leave() {
	i.base.CloseIdleConnections()
	<-i.turn
}

// Obtain returns a chain for r, the leaf first. An order that a crash or ctx
// broke off is taken up again where it is usable, and a chain that was obtained
// already is returned again, without asking the CA, until r asks for other
// names, another key, or to replace that very certificate. The error is a
// *Fault, or ctx's. It can take as long as Config.Propagation and some minutes.
func (i *Issuer) Obtain(ctx context.Context, r Request) ([]*x509.Certificate, error) {
	if f := checkNames(r.Names, i.cfg.Challenge); f != nil {
		return nil, f
	}
	if r.Key == nil {
		return nil, errors.New("a request has no key")
	}
	if err := i.take(ctx); err != nil {
		return nil, err
	}
	defer i.leave()
	real, err := i.session(i.cfg.Directory, r)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	if n, err := loadNote(real.folder); err == nil {
		if chain := n.kept(r, now); chain != nil {
			i.sweepIdle(ctx)
			return chain, nil
		}
	}
	if f := real.memory.of(real.set, now).refusal(now); f != nil {
		i.sweepIdle(ctx)
		return nil, f
	}
	if err := i.rehearse(ctx, real, r); err != nil {
		return nil, err
	}
	n, err := real.run(ctx, r)
	if err != nil {
		return nil, err
	}
	return n.chain()
}

// Forget forgets the order that is under way, and the chain that was obtained
// last. The next Obtain places a new order.
func (i *Issuer) Forget() error {
	i.turn <- struct{}{}
	defer i.leave()
	err := dropNote(i.folder(i.cfg.Directory))
	if i.cfg.Rehearsal != "" {
		err = errors.Join(err, dropNote(i.folder(i.cfg.Rehearsal)))
	}
	return err
}

// Sweep takes TXT records away that a crash left behind, except those of an
// order that Obtain can take up. What cannot be taken away is logged, and tried
// again by Obtain. It takes a minute at most once it has its turn.
func (i *Issuer) Sweep(ctx context.Context) {
	if i.take(ctx) == nil {
		defer i.leave()
		i.sweepIdle(ctx)
	}
}

// sweepIdle is Sweep for who has the turn.
func (i *Issuer) sweepIdle(ctx context.Context) {
	var live []string
	for _, address := range []string{i.cfg.Directory, i.cfg.Rehearsal} {
		if address == "" {
			continue
		}
		if n, err := loadNote(i.folder(address)); err == nil && n != nil && n.URL != "" && len(n.Chain) == 0 {
			live = append(live, n.URL)
		}
	}
	i.sweep(ctx, func(t txt) bool { return slices.Contains(live, t.Order) })
}

// folder is where the state of a CA is.
func (i *Issuer) folder(address string) string {
	sum := sha256.Sum256([]byte(address))
	return filepath.Join(i.cfg.Folder, hex.EncodeToString(sum[:8]))
}

// session begins dealings with the CA at address. It asks nothing yet.
func (i *Issuer) session(address string, r Request) (*session, error) {
	s := &session{
		i: i, cfg: i.cfg, address: address, rehearsal: address != i.cfg.Directory, folder: i.folder(address),
		set: setKey(r.Names, i.cfg.Challenge),
	}
	s.log = i.log.With("ca", s.describe())
	if err := os.MkdirAll(s.folder, 0o700); err != nil {
		return nil, &Fault{Text: fmt.Sprintf("The folder of the CA's state cannot be made: %v.", err), Action: "Make room, and see to it that the state folder can be written."}
	}
	var err error
	if s.memory, err = loadMemory(s.folder); err != nil {
		if damaged := (*durable.DamagedError)(nil); !errors.As(err, &damaged) {
			// What is not known is not nothing: the limits may be spent.
			return nil, &Fault{Text: fmt.Sprintf("What was tried before cannot be read: %v.", err), Action: "See to it that the state folder can be read."}
		}
		s.log.Warn("what was tried before is lost", "error", err)
	}
	return s, nil
}

// rehearse tries r at the rehearsal's CA, unless these names went well before.
func (i *Issuer) rehearse(ctx context.Context, real *session, r Request) error {
	if i.cfg.Rehearsal == "" || i.cfg.Rehearsal == i.cfg.Directory || real.memory.of(real.set, time.Now()).Rehearsed {
		return nil
	}
	s, err := i.session(i.cfg.Rehearsal, r)
	if err != nil {
		return err
	}
	now := time.Now()
	if f := s.memory.of(s.set, now).refusal(now); f != nil {
		f.Rehearsed = true
		i.sweepIdle(ctx)
		return f
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	s.log.Info("these names are new, so their certificate is rehearsed first", "names", r.Names)
	if n, err := s.run(ctx, Request{Names: r.Names, Key: key}); err != nil || n == nil {
		return err
	}
	rec := real.memory.of(real.set, time.Now())
	rec.Rehearsed = true
	if err := errors.Join(real.memory.save(), dropNote(s.folder)); err != nil {
		real.log.Warn("that the rehearsal went well could not be written down", "error", err)
	}
	return nil
}

// run obtains the certificate of r, and remembers how that went. At a rehearsal
// both results are nil where its server does not play along: that must not keep
// anybody from a certificate.
func (s *session) run(ctx context.Context, r Request) (*note, error) {
	err := s.connect(ctx)
	var n *note
	if err == nil {
		n, err = s.order(ctx, r)
	}
	now := time.Now()
	rec := s.memory.of(s.set, now)
	if err == nil {
		rec.succeed(now)
		if err := s.memory.save(); err != nil {
			s.log.Warn("that it went well could not be written down", "error", err)
		}
		return n, nil
	}
	f := (*failure)(nil)
	if !errors.As(err, &f) {
		return nil, err // ctx's end, or something that no CA knows of
	}
	f.Rehearsed = s.rehearsal
	if s.rehearsal && (f.kind == theirs || f.problem == "rateLimited") {
		s.log.Warn("the rehearsal is left out, as its server does not play along", "error", f.Text)
		return nil, nil
	}
	steps := short
	if f.kind == refused || f.kind == unproved {
		steps = ladder
	}
	rec.fail(&f.Fault, now, steps, f.kind == unproved)
	if err := s.memory.save(); err != nil {
		s.log.Warn("that it failed could not be written down", "error", err)
	}
	return nil, &f.Fault
}
