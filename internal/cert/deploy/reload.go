package deploy

// Having the broker read the files anew.

import (
	"context"
	"fmt"
)

// Reload has the broker read the files anew, and returns when it was told, which
// is before it has read them. ErrNoReload means that it is left to others; other
// errors are in words for the user and hold no secret. It is bounded by ctx, and
// a command by the Timeout.
func (d *Deployer) Reload(ctx context.Context) error {
	switch d.cfg.Reload {
	case ReloadSignal:
		return d.signal(ctx)
	case ReloadCommand:
		return d.command(ctx)
	case ReloadNone, "":
		return ErrNoReload
	}
	return fmt.Errorf("there is no way to reload named %q", string(d.cfg.Reload))
}

// The words where the broker cannot be told by a signal.
const (
	wordsNone  = "no process named %s is in sight, so the broker was not told to read its new certificate. In a container edgeguard sees it only with `pid: \"container:NAME\"` or `pid: \"service:NAME\"` of the broker in the compose file; or use the watcher beside the broker and certificate.reload = \"none\""
	wordsMay   = "edgeguard may not signal %s (process %d), so the broker was not told to read its new certificate. Run edgeguard as the same user as the broker, or give it CAP_KILL; or use the watcher beside the broker and certificate.reload = \"none\""
	wordsDead  = "%s (process %d) does not listen to the signal that makes a broker reload, and would end by it, so it was not sent. If the broker is only just starting, it is tried again; if that is another program, set certificate.reload_process or reload_pid_file"
	wordsOther = "the file %s names process %d, which is not %s, so it was not signalled. See that the broker writes that file and has the same process numbers (`pid: \"container:NAME\"`), or set certificate.reload_process"
	wordsFile  = "the file %s, which is to hold the number of the broker's process, is of no use: %s"
	wordsGone  = "%s (process %d) ended at the moment at which it was to be told; it is tried again"
)
