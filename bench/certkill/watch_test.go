//go:build linux

package certkill

// Who reads all the while: files as a broker and other programs read them, and
// what the broker serves.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/test/lab"
)

// readers count what they have read.
type readers struct {
	mu                       sync.Mutex
	files, split, handshakes int
	wrong                    map[string]int
}

func (r *readers) add(count *int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*count++
	if err != nil {
		r.wrong[err.Error()]++
	}
}

// leafOf reads a pair that must be there and belong together, and returns the
// leaf in DER.
func leafOf(certFile, keyFile string) ([]byte, error) {
	cert, err := os.ReadFile(certFile)
	if err != nil {
		return nil, err
	}
	key := cert
	if keyFile != certFile {
		if key, err = os.ReadFile(keyFile); err != nil {
			return nil, err
		}
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("%s and %s are no pair: %w", filepath.Base(certFile), filepath.Base(keyFile), err)
	}
	return pair.Certificate[0], nil
}

// splitPair reads the key and the chain as files of their own, through one
// generation. One that was taken away meanwhile, two generations later, is read
// anew.
func splitPair(broker string) error {
	for range 100 {
		generation, err := os.Readlink(filepath.Join(broker, "current"))
		if err != nil {
			return err
		}
		dir := filepath.Join(broker, generation)
		_, err = leafOf(filepath.Join(dir, "fullchain.pem"), filepath.Join(dir, "privkey.pem"))
		if now, _ := os.Readlink(filepath.Join(broker, "current")); errors.Is(err, fs.ErrNotExist) && now != generation {
			continue
		}
		return err
	}
	return errors.New("the generations change faster than they can be read")
}

// watch reads until the test ends; all must be there already.
func (r *rig) watch(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	every := func(pause time.Duration, read func()) {
		group.Go(func() {
			for ctx.Err() == nil {
				read()
				time.Sleep(pause)
			}
		})
	}
	see, current := &r.readers, r.current() // which a change of the config writes anew
	every(5*time.Millisecond, func() {
		_, err := leafOf(r.combined(), r.combined())
		see.add(&see.files, err)
		_, err = leafOf(current, current)
		see.add(&see.files, err)
		see.add(&see.split, splitPair(r.broker))
	})
	every(50*time.Millisecond, func() {
		_, err := r.served()
		see.add(&see.handshakes, err)
	})
	r.stopWatch = sync.OnceFunc(func() {
		cancel()
		group.Wait()
	})
	t.Cleanup(r.stopWatch)
}

// served is the leaf that the broker serves, in DER. A broker that was given a
// mismatch does not shake hands at all.
func (r *rig) served() ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lab.Patience)
	defer cancel()
	raw, err := r.NAS.Dial(ctx, "tcp", r.address.String())
	if err != nil {
		return nil, fmt.Errorf("reaching the broker: %w", err)
	}
	defer raw.Close()
	conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true}) // which it is, is the question
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("shaking hands with the broker: %w", err)
	}
	return conn.ConnectionState().PeerCertificates[0].Raw, nil
}
