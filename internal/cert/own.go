package cert

// The house's own authority, as it is on the disk at the moment: commands change
// it beside the daemon, so it is looked at in each round.

import (
	"bytes"
	"crypto/x509"
	"errors"

	"github.com/edgeguard/edgeguard/internal/cert/authority"
)

// own is what is known of the own CA. What was last known stays where it cannot
// be opened: a list of revoked clients must not vanish from the broker because a
// passphrase is missing.
type own struct {
	root *x509.Certificate
	// issuer is what issues for it, which may be root.
	issuer *x509.Certificate
	crl    []byte
	// err is why it could not be opened at the last look, crlErr why its list of
	// revoked certificates could not be had; nil where nothing is wrong.
	err, crlErr error
	// issued remembers whether root has issued the pair of this name.
	issued struct {
		pair string
		root *x509.Certificate
		yes  bool
	}
}

// lookAtOwn brings what is known of the own CA up to date.
func (k *Keeper) lookAtOwn() {
	if k.cfg.Authority == nil {
		return
	}
	a, err := k.cfg.Authority()
	k.notice(&k.own.err, err)
	if errors.Is(err, authority.ErrNone) && k.own.root != nil {
		k.log.Warn("the own certificate authority is gone")
		k.remember(nil, nil, nil)
	}
	if err != nil {
		return
	}
	root, issuer := a.Root(), a.Issuer()
	crl, err := a.CRL()
	k.notice(&k.own.crlErr, err)
	same := k.own.root != nil && k.own.root.Equal(root)
	if err != nil {
		crl = nil
		if same {
			crl = k.own.crl
		}
	}
	if !same || !k.own.issuer.Equal(issuer) || !bytes.Equal(k.own.crl, crl) {
		k.remember(root, issuer, crl)
	}
}

// notice replaces what was wrong, and logs what is new.
func (k *Keeper) notice(was *error, err error) {
	if err != nil && !errors.Is(err, authority.ErrNone) && (*was == nil || (*was).Error() != err.Error()) {
		k.log.Warn("the own certificate authority cannot be used", "err", err)
	}
	*was = err
}

// remember takes over what is known now.
func (k *Keeper) remember(root, issuer *x509.Certificate, crl []byte) {
	k.own.root, k.own.issuer, k.own.crl = root, issuer, crl
	if !k.loaded {
		return
	}
	if err := k.store.saveOwn(&k.own); err != nil {
		k.log.Warn("what is known of the own certificate authority cannot be remembered", "err", err)
	}
}

// issuedByOwn reports whether the pair that is held leads to the root.
func (k *Keeper) issuedByOwn() bool {
	memo := &k.own.issued
	if pair := name(k.held); memo.pair != pair || memo.root != k.own.root {
		memo.pair, memo.root = pair, k.own.root
		last := k.held.Chain[len(k.held.Chain)-1]
		memo.yes = last.Equal(memo.root) || last.CheckSignatureFrom(memo.root) == nil
	}
	return memo.yes
}
