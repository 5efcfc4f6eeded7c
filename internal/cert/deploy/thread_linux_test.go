package deploy_test

// Faults that the kernel makes for one thread only: without its rights, without a
// system call, with a mount of its own. The thread ends afterwards.

import (
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// inThread runs f in a thread that is thrown away, after prepare has changed it.
// Where it cannot be prepared the test is skipped, or fails with
// EDGEGUARD_LAB=require. f must not end the goroutine.
func inThread(t *testing.T, prepare func() error, f func()) {
	t.Helper()
	unable := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends with us
		err := prepare()
		if err == nil {
			f()
		}
		unable <- err
	}()
	if err := <-unable; err != nil {
		if os.Getenv("EDGEGUARD_LAB") == "require" {
			t.Fatalf("EDGEGUARD_LAB=require, but this machine does not let the test have its fault: %v", err)
		}
		t.Skipf("this machine does not let the test have its fault (it may need root): %v", err)
	}
}

// onlyRights leaves the thread these capabilities, of those that it has.
func onlyRights(rights ...int) func() error {
	return func() error {
		head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var data [2]unix.CapUserData
		for _, r := range rights {
			data[r/32].Effective |= 1 << (r % 32)
			data[r/32].Permitted |= 1 << (r % 32)
		}
		return unix.Capset(&head, &data[0])
	}
}

// noSymlinks makes symlinkat(2) fail with EPERM in the thread, as it does on vfat.
func noSymlinks() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number of the call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_SYMLINKAT, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0x00050000 | uint32(unix.EPERM)}, // SECCOMP_RET_ERRNO
		{Code: unix.BPF_RET | unix.BPF_K, K: 0x7fff0000},                      // SECCOMP_RET_ALLOW
	}
	return setFilter(&unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
}

// tinyDrive mounts a drive of size bytes on dir, seen by the thread alone.
func tinyDrive(dir, size string) func() error {
	return func() error {
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			return err
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return err
		}
		return unix.Mount("tiny", dir, "tmpfs", 0, "size="+size)
	}
}
