//go:build !linux

package acme

import "syscall"

func dieWithUs() *syscall.SysProcAttr { return nil }
