//go:build linux

package acme

import "syscall"

// dieWithUs has a program end when the tests do, also by a signal.
func dieWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
