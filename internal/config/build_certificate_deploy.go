package config

// [certificate]: how it is handed to those who serve it.

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/edgeguard/edgeguard/internal/cert/deploy"
)

var (
	ownerIDs    = regexp.MustCompile(`^([0-9]{1,10}):([0-9]{1,10})$`)
	fileMode    = regexp.MustCompile(`^0?[0-7]{3}$`)
	processName = regexp.MustCompile(`^[A-Za-z0-9._+-]{1,64}$`)
)

const (
	maxID      = 1<<31 - 1
	maxCommand = 64 // words of a command
)

// deploy reads how the certificate is handed over. Folder is where it is kept.
func (b *builder) deploy(raw rawCertificate, folder string, c *Config) (d deploy.Config) {
	d.Directory = b.directory(raw.Directory, folder, c.StateDir)
	d.UID, d.GID = b.owner(raw.Owner)
	d.Mode = b.fileMode(raw.FileMode)
	none, signal, command := string(deploy.ReloadNone), string(deploy.ReloadSignal), string(deploy.ReloadCommand)
	d.Reload = deploy.Reload(b.word(raw.Reload, none, []string{none, signal, command}, nil))
	d.Process, d.PIDFile = b.signalled(raw, d.Reload)
	d.Command = b.command(raw, d.Reload)
	return d
}

// directory reads the folder that is shared with those who serve it.
func (b *builder) directory(t text, folder, stateDir string) string {
	absent := filepath.Join(stateDir, "broker")
	if !t.given || !t.ok || t.v == "" {
		return absent
	}
	path := filepath.Clean(resolve(t.at, t.v))
	own := path == filepath.Clean(folder) || strings.HasPrefix(path, filepath.Clean(folder)+string(filepath.Separator))
	switch {
	case len(t.v) > maxPath || strings.ContainsFunc(t.v, unicode.IsControl):
		b.fail(t.at, "this is no path of a folder")
	case own || path == filepath.Clean(stateDir) || path == "/":
		b.fail(t.at, "this folder holds other things, which the broker must not see; write the path of a folder for the certificate alone, or leave the key out for %s", absent)
	default:
		return path
	}
	return absent
}

// owner returns -1 for what stays as it is.
func (b *builder) owner(t text) (uid, gid int) {
	if !t.ok {
		return -1, -1
	}
	m := ownerIDs.FindStringSubmatch(t.v)
	if m == nil {
		b.fail(t.at, `%s is not UID:GID in numbers; write them as the broker's container has them, such as "1883:1883" for mosquitto`, show(t.v))
		return -1, -1
	}
	u, _ := strconv.ParseInt(m[1], 10, 64)
	g, _ := strconv.ParseInt(m[2], 10, 64)
	if u > maxID || g > maxID {
		b.fail(t.at, "%s has a number that no user and no group has", show(t.v))
		return -1, -1
	}
	return int(u), int(g)
}

// fileMode reads the mode of the files that hold a key.
func (b *builder) fileMode(t text) fs.FileMode {
	const absent = 0o600
	if !t.ok {
		return absent
	}
	if !fileMode.MatchString(t.v) {
		b.fail(t.at, `%s is no mode of a file; write it in octal, such as "0600" or "0640"`, show(t.v))
		return absent
	}
	n, _ := strconv.ParseUint(t.v, 8, 32)
	switch mode := fs.FileMode(n); {
	case mode&0o007 != 0:
		b.fail(t.at, `with %s everybody on this host could use the private key; write "0600", or "0640" and the broker's group in owner`, t.v)
	case mode&0o400 == 0 || mode&^0o660 != 0:
		b.fail(t.at, `%s makes no sense for a file that is to be read; write "0600", "0640", "0400" or "0440"`, t.v)
	default:
		return mode
	}
	return absent
}

// signalled reads what gets the signal.
func (b *builder) signalled(raw rawCertificate, how deploy.Reload) (process, pidFile string) {
	for _, t := range []text{raw.ReloadProcess, raw.ReloadPIDFile} {
		if t.given && how != deploy.ReloadSignal {
			b.fail(t.at, `nothing is signalled; write reload = "signal", or take this out`)
		}
	}
	if raw.ReloadProcess.given && raw.ReloadPIDFile.given {
		b.fail(raw.ReloadPIDFile.at, "the process is named twice, here and with %s; take one of the two out", raw.ReloadProcess.at)
	}
	if t := raw.ReloadProcess; t.ok {
		if process = t.v; !processName.MatchString(t.v) {
			b.fail(t.at, `%s is no name of a process; write it as ps shows it, such as "mosquitto"`, show(t.v))
		}
	}
	if t := raw.ReloadPIDFile; t.ok {
		if t.v == "" || len(t.v) > maxPath || strings.ContainsFunc(t.v, unicode.IsControl) {
			b.fail(t.at, "this is no path of a file; write that of the file in which the broker leaves its process id, or take the key out")
		}
		pidFile = resolve(t.at, t.v)
	}
	return process, pidFile
}

// command reads the command that has the broker read its files anew.
func (b *builder) command(raw rawCertificate, how deploy.Reload) (words []string) {
	t := raw.ReloadCommand
	switch {
	case t.given && how != deploy.ReloadCommand:
		b.fail(t.at, `no command is run; write reload = "command", or take this out`)
	case !t.given && how == deploy.ReloadCommand:
		b.missing(raw.Reload.at, `reload_command is missing; write the command and its arguments, such as reload_command = ["/usr/bin/docker", "kill", "--signal=HUP", "mosquitto"]`)
	case t.ok && (len(t.v) == 0 || t.v[0].v == ""):
		b.fail(t.at, "empty; write the command and its arguments, each in quotes of its own")
	case len(t.v) > maxCommand:
		b.fail(t.at, "%d words are more than the %d that a command may have; put them into a script", len(t.v), maxCommand)
	}
	for _, one := range t.v {
		if len(one.v) > maxPath || strings.ContainsFunc(one.v, unicode.IsControl) {
			b.fail(one.at, "it has a control character, or is longer than %d bytes", maxPath)
		}
		words = append(words, one.v)
	}
	return words
}
