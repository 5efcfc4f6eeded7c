//go:build linux

package main

// What is built before anything is measured, while there is a network.

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed c/*.c
var sources embed.FS

// coreDNSVersion is the one of the figures.
const coreDNSVersion = "v1.15.0"

// compile builds echo, upstream and load into dir.
func compile(ctx context.Context, dir string) error {
	for _, name := range []string{"echo", "upstream", "load"} {
		text, err := sources.ReadFile("c/" + name + ".c")
		if err != nil {
			return err
		}
		source := filepath.Join(dir, name+".c")
		if err := os.WriteFile(source, text, 0o644); err != nil {
			return err
		}
		if err := command(ctx, dir, nil, "gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", filepath.Join(dir, name), source); err != nil {
			return err
		}
	}
	return nil
}

// buildEdgeguard builds the daemon as it ships from a source tree into dir, or
// takes a program as it is, and returns its path.
func buildEdgeguard(ctx context.Context, dir, name, from string) (string, error) {
	from, err := filepath.Abs(from)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(from)
	if err != nil || !info.IsDir() {
		return from, err
	}
	path := filepath.Join(dir, name)
	return path, command(ctx, from, []string{"CGO_ENABLED=0"}, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "./cmd/edgeguard")
}

// buildCoreDNS gets CoreDNS through the Go module proxy and builds it, which
// takes minutes; the program is kept in the user's cache folder.
func buildCoreDNS(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "edgeguard-bench", "coredns-"+coreDNSVersion)
	path := filepath.Join(dir, "coredns")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	fmt.Fprintf(os.Stderr, "building CoreDNS %s, once, into %s; this takes minutes\n", coreDNSVersion, dir)
	return path, command(ctx, dir, []string{"CGO_ENABLED=0", "GOFLAGS=", "GOBIN=" + dir}, "go", "install", "github.com/coredns/coredns@"+coreDNSVersion)
}

// command runs a command to its end.
func command(ctx context.Context, dir string, env []string, argv ...string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, out)
	}
	return nil
}
