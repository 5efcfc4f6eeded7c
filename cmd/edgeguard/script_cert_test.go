package main

// What the scripts of cert can say.

import (
	"os"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"software.sslmate.com/src/go-pkcs12"
)

var shownOnce = regexp.MustCompile(`shown this once: (\S+)`)

// opens opens a PKCS#12 file with the password that the terminal was shown:
// opens FILE.
func opens(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: opens FILE")
	}
	found := shownOnce.FindStringSubmatch(ts.ReadFile("ttyout"))
	if found == nil {
		ts.Fatalf("the terminal was shown no password")
	}
	der, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	_, _, _, err = pkcs12.DecodeChain(der, found[1])
	ts.Check(err)
}

// grepLine wants what stands after the = of a file in another one:
// grepline FILE WHERE.
func grepLine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: grepline FILE WHERE")
	}
	_, want, _ := strings.Cut(strings.TrimSpace(ts.ReadFile(args[0])), "=")
	if want == "" || !strings.Contains(ts.ReadFile(args[1]), want) {
		ts.Fatalf("%q is not there", want)
	}
}
