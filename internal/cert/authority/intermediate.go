package authority

// A new certificate for the intermediate, with the key from off line.

import (
	"errors"
	"time"

	"github.com/edgeguard/edgeguard/internal/secret"
)

// ErrNotOffline means that there is no intermediate: the root's key is kept.
var ErrNotOffline = errors.New("the root's key is kept with the certificate authority, so there is no intermediate certificate to renew")

// RenewIntermediate issues a new certificate for the intermediate with the
// root's key, which it reads from the folder that Create has written it to, or a
// copy. The intermediate keeps its key and name: what it has issued stays good,
// and one list tells all that is revoked. It returns ErrNotOffline, and
// ErrLocked where the off-line key needs another passphrase.
func (a *Authority) RenewIntermediate(offlineFolder string, passphrase secret.Value) error {
	return a.change(func(st *state, now time.Time) error {
		if st.intermediate == nil {
			return ErrNotOffline
		}
		key, err := readKey(offlineFolder, st.root, passphrase)
		if err != nil {
			return err
		}
		if !now.Before(st.root.NotAfter) || now.Before(st.root.NotBefore) {
			return ErrEnded
		}
		t := intermediateTemplate(st.root, st.intermediate.SubjectKeyId, now)
		st.intermediate, err = sign(t, st.root, st.intermediate.PublicKey, key)
		return err
	})
}
