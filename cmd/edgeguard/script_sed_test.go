package main

// Filling in files of scripts.

import (
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// sedFile replaces words in a file: sed FILE OLD NEW….
func sedFile(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 3 || len(args)%2 == 0 {
		ts.Fatalf("usage: sed FILE OLD NEW…")
	}
	text := ts.ReadFile(args[0])
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.NewReplacer(args[1:]...).Replace(text)), 0o600))
}
