package deploy

// What went wrong, in words with what to do.

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/edgeguard/edgeguard/internal/cert/keys"
)

// wordsError is an error that is a sentence for the user already.
type wordsError struct {
	words string
	err   error // what is below; may be nil
}

func (e *wordsError) Error() string { return e.words }
func (e *wordsError) Unwrap() error { return e.err }

// inWords is err as a sentence for the user, which explain leaves alone.
func inWords(err error, format string, args ...any) error {
	return &wordsError{words: fmt.Sprintf(format, args...), err: err}
}

// explain puts an error of the folder at dir into words.
func explain(dir string, err error) error {
	if errors.As(err, new(*wordsError)) {
		return err
	}
	for _, cause := range causes {
		for _, is := range cause.errs {
			if errors.Is(err, is) {
				return inWords(err, "the broker keeps the certificate that it has: "+cause.words, dir)
			}
		}
	}
	return fmt.Errorf("the broker keeps the certificate that it has: writing to %s: %w", dir, err)
}

// causes are what can be said of an error; the first that fits is.
var causes = []struct {
	errs  []error
	words string // with the folder in place of %s
}{
	{[]error{syscall.ENOSPC, syscall.EDQUOT},
		"there is no room left for %s. Free some space on its drive; it is tried again"},
	{[]error{syscall.EFBIG},
		"the system lets edgeguard write no file of that size to %s. Raise the limit on the size of files (ulimit -f)"},
	{[]error{syscall.EROFS},
		"%s is mounted read-only. Mount it so that edgeguard may write to it; only the broker's side may be read-only"},
	{[]error{syscall.EISDIR, syscall.ENOTEMPTY, syscall.EEXIST},
		"in %s a folder stands where a file of edgeguard belongs (combined.pem, privkey.pem, fullchain.pem, cert.pem, chain.pem, ca.crt, crl.pem). Move it away"},
	{[]error{syscall.ENOTDIR},
		"%s is not a folder. Move away the file of that name, or set certificate.directory to another folder"},
	{[]error{syscall.ESTALE, syscall.ENOTCONN, syscall.EIO, syscall.ENXIO, syscall.ENODEV, syscall.EHOSTDOWN, syscall.ETIMEDOUT},
		"the drive or share that holds %s does not answer. See that it is connected and mounted; it is tried again"},
	{[]error{fs.ErrPermission},
		"edgeguard may not read and write %s. Let the user that edgeguard runs as own that folder, or choose another one as certificate.directory"},
	{[]error{fs.ErrNotExist},
		"%s went away while it was written. See that its drive or share is mounted; it is tried again"},
}

// RestartWords says what a broker that has served a certificate with a key of
// the kind before makes of one with a key of the kind after, where a reload is
// not enough: OpenSSL keeps one certificate for each kind of key, and a reload
// replaces only that of the new kind. Empty where a reload is enough, or where
// one of the kinds is not known (the empty Kind). Whoever reads back what the
// broker serves shall say it beside a certificate that is not the new one.
func RestartWords(before, after keys.Kind) string {
	if before == "" || after == "" || before == after {
		return ""
	}
	if after == keys.RSA2048 {
		return "The certificate now has an RSA key, and had an ECDSA key before. Mosquitto goes on serving the old one to clients that know both, until it is restarted: restart it once."
	}
	return "The certificate now has an ECDSA key, and had an RSA key before. Mosquitto goes on serving the old one to clients that know RSA only, until it is restarted: restart it once, and see that all clients know ECDSA."
}
