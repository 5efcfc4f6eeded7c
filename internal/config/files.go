package config

// The files that a config names: bounded, and with errors that say what to do.

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Bounds on the files that are read, in bytes.
const (
	maxConfig = 1 << 20
	maxToken  = 4 << 10
	maxCA     = 1 << 20
)

// File is what a ReadFile found.
type File struct {
	Data []byte
	// Mode is the file's mode, for the warning about secrets that everybody
	// can read.
	Mode fs.FileMode
}

// ReadFile reads a file of at most limit bytes; a longer one is an error.
type ReadFile func(path string, limit int64) (File, error)

var (
	errFolder  = errors.New("it is a folder (Docker makes one where a file that it should mount is missing); remove the folder and create the file")
	errSpecial = errors.New("it is not a regular file")
	errTooLong = errors.New("it is too long for what it should hold")
)

// readFile is the ReadFile of the real file system.
func readFile(path string, limit int64) (File, error) {
	info, err := os.Stat(path) // opening a pipe could block for ever
	switch {
	case err != nil:
		return File{}, err
	case info.IsDir():
		return File{}, errFolder
	case !info.Mode().IsRegular():
		return File{}, errSpecial
	}
	f, err := os.Open(path)
	if err != nil {
		return File{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = errTooLong
	}
	if err != nil {
		return File{}, err
	}
	return File{Data: data, Mode: info.Mode()}, nil
}

// readProblem says why a file could not be read, without its path.
func readProblem(err error) string {
	var pe *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "no such file"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied; let the user that edgeguard runs as read it"
	case errors.As(err, &pe):
		return pe.Err.Error()
	}
	return err.Error()
}

// resolve makes a path in the config absolute or relative to its folder.
func resolve(at origin, path string) string {
	if filepath.IsAbs(path) || at.file == Environment {
		return path
	}
	return filepath.Join(filepath.Dir(at.file), path)
}

// readRoots returns the certificates in the file that t names, or nil after a
// report.
func (b *builder) readRoots(t text) (*x509.CertPool, []*x509.Certificate) {
	path := resolve(t.at, t.v)
	shown := path
	if looksSecret(t.v) {
		shown = show(t.v)
	}
	if t.v == "" {
		b.fail(t.at, "empty; write the path of the CA's certificate in PEM, or leave the key out to use the system's CAs")
		return nil, nil
	}
	f, err := b.readFile(path, maxCA)
	if err != nil {
		b.fail(t.at, "cannot read %s: %s; it should hold the certificate of the CA in PEM", shown, readProblem(err))
		return nil, nil
	}
	var list []*x509.Certificate
	pool, n := x509.NewCertPool(), 0
	for rest := f.Data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		n++
		if err != nil {
			b.fail(t.at, "certificate %d in %s cannot be read; export it again from the CA, in PEM", n, shown)
			return nil, nil
		}
		pool.AddCert(cert)
		list = append(list, cert)
	}
	if n == 0 {
		b.fail(t.at, "%s holds no certificate; it should be PEM, with a line BEGIN CERTIFICATE (a DER file can be converted with openssl x509 -inform der)", shown)
		return nil, nil
	}
	return pool, list
}
