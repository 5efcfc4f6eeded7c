package ddns

// What records at one account of one provider have in common: the provider
// sees one call at a time, and a wait that it asks for is for all of them.

import (
	"context"
	"sync"
	"time"
)

// patience is how long a call waits for another one of its account. A call
// that takes longer hangs, and must not hold up the other records.
const patience = 2 * time.Second

// account is shared by the keepers of one account.
type account struct {
	turn chan struct{} // holds a token while a call is under way

	mu    sync.Mutex
	until time.Time // guarded by mu; the provider wants nothing before
}

func newAccount() *account { return &account{turn: make(chan struct{}, 1)} }

// accountKey tells one account from another. It holds secrets.
type accountKey struct{ provider, server, user, token, key string }

func (r RecordConfig) accountKey() accountKey {
	return accountKey{r.Provider, r.Server, r.User, r.Token.Reveal(), r.Key.Reveal()}
}

// enter waits for the account's turn, at most patience, and returns the
// function that gives it back. The caller looks at ctx.
func (a *account) enter(ctx context.Context) (leave func()) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case a.turn <- struct{}{}:
		return func() { <-a.turn }
	case <-timer.C:
	case <-ctx.Done():
	}
	return func() {}
}

// hold notes that the provider wants nothing before t.
func (a *account) hold(t time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t.After(a.until) {
		a.until = t
	}
}

// held is until when the provider wants nothing.
func (a *account) held() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.until
}
