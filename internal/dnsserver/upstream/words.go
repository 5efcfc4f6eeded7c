package upstream

// What failures mean, for people.

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// errorList are several errors in one line.
type errorList []error

func (l errorList) Error() string {
	var words []string
	for _, err := range l {
		words = append(words, err.Error())
	}
	return strings.Join(words, "; ")
}

// Unwrap returns the errors.
func (l errorList) Unwrap() []error { return l }

// rcodeName names a response code.
func rcodeName(rcode int) string {
	if name := dns.RcodeToString[rcode]; name != "" {
		return name
	}
	return fmt.Sprintf("response code %d", rcode)
}

// inWords says what a failure means where the system's text does not.
func inWords(err error, took time.Duration) error {
	var invalid x509.CertificateInvalidError
	var wrongName x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var noRoots x509.SystemRootsError
	switch {
	case errors.As(err, new(*bootstrapError)):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fmt.Errorf("no answer within %s: %w", took.Round(10*time.Millisecond), os.ErrDeadlineExceeded)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nothing listens at that address: %w", syscall.ECONNREFUSED)
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return fmt.Errorf("there is no way to that address: %w", err)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("its certificate is not valid at this time; either it is out of date or this host's clock is wrong: %w", err)
	case errors.As(err, &wrongName):
		return fmt.Errorf("its certificate is for another name, so it may not be the server it should be: %w", err)
	case errors.As(err, &unknown), errors.As(err, &noRoots):
		return fmt.Errorf("its certificate comes from nobody whom this host trusts; either it is not the server it should be or the host's CA certificates are missing (SSL_CERT_FILE): %w", err)
	}
	return err
}
