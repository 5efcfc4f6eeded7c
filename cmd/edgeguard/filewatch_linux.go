package main

// Hearing from the kernel that a file may have changed.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// errNotTold means that the kernel does not tell of all changes of a file.
var errNotTold = errors.New("it is on a file system of which the kernel does not tell all changes")

// told are the file systems on which every change goes through this kernel: not
// the network's, nor what is shared with a virtual machine's host.
var told = map[uint32]bool{
	unix.EXT4_SUPER_MAGIC: true, unix.XFS_SUPER_MAGIC: true, unix.BTRFS_SUPER_MAGIC: true, unix.F2FS_SUPER_MAGIC: true,
	unix.TMPFS_MAGIC: true, unix.OVERLAYFS_SUPER_MAGIC: true, 0x2fc12fc1: true, // the last is ZFS
}

// fileChanges calls begin once it listens, and changed when the file at path, or
// one beside it, may have changed (inotify(7)): at once, and then at most every
// lookEvery. Neither may block. It returns nil when ctx ends, or path is empty,
// and an error where the kernel does not tell of every change.
func fileChanges(ctx context.Context, path string, begin, changed func()) error {
	if path == "" {
		return nil
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return fmt.Errorf("listening for changes of files: %w", err)
	}
	events := os.NewFile(uintptr(fd), "inotify")
	defer events.Close()
	defer context.AfterFunc(ctx, func() { events.SetReadDeadline(time.Unix(1, 0)) })()
	buffer := make([]byte, 16<<10)
	for {
		// Anew each time: another file may have taken the place of the old one.
		if err := watchFile(fd, path); err != nil {
			return fmt.Errorf("listening for changes of %s: %w", path, err)
		}
		begin()
		_, err := events.Read(buffer)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("listening for changes of %s: %w", path, err)
		}
		changed()
		if !pause(ctx, lookEvery) {
			return nil
		}
	}
}

// watchFile listens to the file at path, for a mount of it alone hides from its
// folder what happens to it, and to its folder, where another one takes its
// place.
func watchFile(fd int, path string) error {
	const of = unix.IN_MODIFY | unix.IN_CLOSE_WRITE | unix.IN_ATTRIB | unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM
	for _, place := range []string{filepath.Dir(path), path} {
		var fs unix.Statfs_t
		err := unix.Statfs(place, &fs)
		if err == nil && !told[uint32(fs.Type)] {
			return errNotTold
		}
		if err == nil {
			_, err = unix.InotifyAddWatch(fd, place, of)
		}
		if err != nil && (place != path || !errors.Is(err, unix.ENOENT)) {
			return err
		}
	}
	return nil
}
