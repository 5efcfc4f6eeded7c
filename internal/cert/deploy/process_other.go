//go:build !linux

package deploy

// Systems on which the broker's process cannot be told from others.

import "context"

// signal is for Linux only.
func (d *Deployer) signal(context.Context) error {
	return inWords(nil, "edgeguard can signal the broker on Linux only. Use certificate.reload = \"command\" or the watcher beside the broker")
}
