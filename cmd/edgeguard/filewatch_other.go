//go:build !linux

package main

import (
	"context"
	"errors"
)

// fileChanges returns an error: listening for changes of files is written for
// Linux, where the container runs.
func fileChanges(context.Context, string, func(), func()) error {
	return errors.New("listening for changes of files is written for Linux alone")
}
