package config

// The way in: which file, what when there is none, and the order of the steps.

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"reflect"

	"github.com/pelletier/go-toml/v2"
)

// DefaultPath is the config file where nobody names another.
const DefaultPath = "/etc/edgeguard/edgeguard.toml"

// PathFromEnv returns the config file that EDGEGUARD_CONFIG names, or
// DefaultPath. A nil env is an empty one.
func PathFromEnv(env LookupEnv) string {
	if t := fromEnv(env, EnvConfig); t.given {
		return t.v
	}
	return DefaultPath
}

// Load reads the config file at path and the environment. An empty path means
// PathFromEnv. Where the file is the default one and is absent, and
// EDGEGUARD_SERVICE_ADDRESS is set, the environment is the whole config. What
// is wrong with the config comes back as an *Errors, and then the Config is nil.
func Load(path string, env LookupEnv) (*Config, error) {
	if path == "" {
		path = PathFromEnv(env)
	}
	f, err := readFile(path, maxConfig)
	if err == nil {
		b := builder{readFile: readFile, file: path}
		b.inlineTokensExposed = f.Mode.Perm()&0o004 != 0
		return b.config(f.Data, env)
	}
	absent := errors.Is(err, fs.ErrNotExist)
	if absent && path == DefaultPath && fromEnv(env, EnvServiceAddress).given {
		b := builder{readFile: readFile, file: Environment}
		return b.config(nil, env)
	}
	text := "cannot read the config file: " + readProblem(err)
	switch {
	case absent && path == DefaultPath:
		text = fmt.Sprintf("there is no config file; create it (configs/example.toml shows how), name another with --config or %s, or set %s", EnvConfig, EnvServiceAddress)
	case absent:
		text += fmt.Sprintf("; check the path given with --config or %s, or create the file (configs/example.toml shows how)", EnvConfig)
	case errors.Is(err, errTooLong):
		text = fmt.Sprintf("the file is longer than %d bytes, so it can hardly be a config", maxConfig)
	}
	return nil, &Errors{[]Error{{File: printable(path), Text: text}}}
}

// Parse reads a config from data. File is its name in errors, and relative
// paths in it are taken from the folder of file. Env may be nil for an empty
// environment; read may be nil for the real file system. What is wrong comes
// back as an *Errors, and then the Config is nil.
func Parse(file string, data []byte, env LookupEnv, read ReadFile) (*Config, error) {
	if read == nil {
		read = readFile
	}
	b := builder{readFile: read, file: file}
	return b.config(data, env)
}

// config runs the steps that the package comment lists.
func (b *builder) config(data []byte, env LookupEnv) (*Config, error) {
	if len(data) > maxConfig {
		b.fail(origin{file: b.file}, "the file is longer than %d bytes, so it can hardly be a config", maxConfig)
		return nil, b.err(b.file)
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // Windows editors write it
	var raw rawFile
	d := decoder{file: b.file, report: &b.report}
	d.table(readTree(b.file, data, &b.report), reflect.ValueOf(&raw).Elem(), "")
	addEnv(&raw, env, &b.report)
	c := b.build(&raw)
	if len(b.errors) == 0 {
		b.secondOpinion(data)
	}
	if err := b.err(b.file); err != nil {
		return nil, err
	}
	for _, w := range b.finished(b.warnings) {
		c.Warnings = append(c.Warnings, w.Error())
	}
	return c, nil
}

// secondOpinion lets go-toml's decoder read the text too. It knows rules that
// the tree does not hold, such as that an inline table cannot be added to.
func (b *builder) secondOpinion(data []byte) {
	var ignored map[string]any
	err := toml.Unmarshal(data, &ignored)
	if err == nil {
		return
	}
	at := origin{file: b.file}
	var de *toml.DecodeError
	if errors.As(err, &de) {
		at.line, _ = de.Position()
	}
	b.fail(at, "this is not valid TOML; a table or a key may be set in two ways here. Write each table once")
}
