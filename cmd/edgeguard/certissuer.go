package main

// What asks the public CA, where its folder may have to be waited for.

import (
	"context"
	"crypto/x509"
	"fmt"
	"sync"

	"github.com/edgeguard/edgeguard/internal/cert/acme"
)

// lateIssuer is an *acme.Issuer that is made once it can be. That a disk is full
// at the start must not keep the house's DNS from running.
type lateIssuer struct {
	cfg acme.Config

	mu   sync.Mutex
	made *acme.Issuer // guarded by mu
}

// get makes it, if that has not been done; an error is an *acme.Fault.
func (l *lateIssuer) get() (*acme.Issuer, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.made == nil {
		made, err := acme.New(l.cfg)
		if err != nil {
			return nil, &acme.Fault{
				Text:   fmt.Sprintf("What is known of the public CA cannot be used: %v.", err),
				Action: fmt.Sprintf("Let edgeguard read and write %s, and see that its disk is not full.", l.cfg.Folder),
			}
		}
		l.made = made
	}
	return l.made, nil
}

// Obtain implements cert.Issuer.
func (l *lateIssuer) Obtain(ctx context.Context, r acme.Request) ([]*x509.Certificate, error) {
	issuer, err := l.get()
	if err != nil {
		return nil, err
	}
	return issuer.Obtain(ctx, r)
}

// Window implements cert.Issuer.
func (l *lateIssuer) Window(ctx context.Context, leaf *x509.Certificate) (acme.Window, error) {
	issuer, err := l.get()
	if err != nil {
		return acme.Window{}, err
	}
	return issuer.Window(ctx, leaf)
}

// sweep takes away the records that a crash has left in the public DNS.
func (l *lateIssuer) sweep(ctx context.Context) {
	if issuer, err := l.get(); err == nil {
		issuer.Sweep(ctx)
	}
}
