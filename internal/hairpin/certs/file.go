package certs

// The file that a service is to serve its certificate from.

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

const (
	// maxFile bounds the file, in bytes: a chain and a key are a few thousand.
	maxFile = 256 << 10
	// maxChain bounds the certificates taken from one file.
	maxChain = 16
)

// What can be wrong with a file, beside what the system says.
var (
	ErrNoFile        = errors.New("there is no such file")
	ErrPermission    = errors.New("permission denied")
	ErrSpecial       = errors.New("it is not a regular file")
	ErrTooLong       = errors.New("it is too long for a certificate")
	ErrNoCertificate = errors.New("it holds no certificate in PEM")
	ErrBroken        = errors.New("a certificate in it cannot be read")
	ErrReading       = errors.New("it cannot be read")
)

// File follows a PEM file. The zero File is of no use; make one with NewFile.
// Its methods are for one goroutine.
type File struct {
	path string
	info fs.FileInfo // of what was read last; nil: nothing yet
	// chain is what it held, err why it held nothing.
	chain []*x509.Certificate
	err   error
}

// NewFile follows the file at path, through symbolic links.
func NewFile(path string) *File { return &File{path: path} }

// Path is where it is.
func (f *File) Path() string { return f.path }

// Look returns the certificates in the file, the service's own first: the first
// in the file. It reads the file where its time, its size or its inode is
// another than at the last look. The error is one of those above, stays the same
// while the fault does, and holds nothing of the file.
func (f *File) Look() ([]*x509.Certificate, error) {
	info, err := os.Stat(f.path)
	if err != nil {
		f.info, f.chain, f.err = nil, nil, problem(err)
		return nil, f.err
	}
	if f.info != nil && os.SameFile(info, f.info) && info.Size() == f.info.Size() && info.ModTime().Equal(f.info.ModTime()) {
		return f.chain, f.err
	}
	f.info = info
	f.chain, f.err = readFile(f.path)
	if f.err != nil && time.Since(info.ModTime()).Abs() < time.Minute {
		f.info = nil // it may be half written: look again
	}
	return f.chain, f.err
}

// readFile reads the certificates in a PEM file.
func readFile(path string) ([]*x509.Certificate, error) {
	// Without waiting: to open a pipe could take for ever.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, problem(err)
	}
	defer f.Close()
	switch info, err := f.Stat(); {
	case err != nil:
		return nil, problem(err)
	case !info.Mode().IsRegular():
		return nil, ErrSpecial
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	defer func() { clear(data) }() // there may be a key in it
	switch {
	case err != nil:
		return nil, problem(err)
	case len(data) > maxFile:
		return nil, ErrTooLong
	}
	return parsePEM(data)
}

// parsePEM returns the certificates in data, in their order, maxChain at most.
// Whatever else stands there is passed over.
func parsePEM(data []byte) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	for len(chain) < maxChain && bytes.Contains(data, []byte("-----BEGIN")) {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			clear(block.Bytes) // a key is nobody's business
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, ErrBroken
		}
		chain = append(chain, cert)
	}
	if len(chain) == 0 {
		return nil, ErrNoCertificate
	}
	return chain, nil
}

// problem is what is wrong, without the path.
func problem(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ErrNoFile
	case errors.Is(err, fs.ErrPermission):
		return ErrPermission
	default:
		return ErrReading
	}
}
