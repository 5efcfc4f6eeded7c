package main

// The command as a user meets it: scripts in testdata.

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"edgeguard": func() {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
		code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
		stop()
		os.Exit(code)
	}})
}

func TestScripts(t *testing.T) { runScripts(t, "testdata/script") }

// runScripts runs the scripts in a folder.
func runScripts(t *testing.T, folder string) {
	testscript.Run(t, testscript.Params{
		Dir: folder,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exitcode": exitCode,
			"freeport": freePort,
			"waitfor":  waitFor,
			"digs":     digs,
			"hold":     hold,
			"says":     says,
			"sed":      sedFile,
			"opens":    opens,
			"grepline": grepLine,
		},
		Condition: func(cond string) (bool, error) {
			if cond == "ipv6" {
				return len(dnsserver.Every(53)) > 1, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Setup: func(env *testscript.Env) error {
			// Nothing of the machine's own config may leak in.
			for _, name := range []string{"EDGEGUARD_CONFIG", "EDGEGUARD_SERVICE_ADDRESS", "EDGEGUARD_LAN_ROUTER", "EDGEGUARD_LAN_ADDRESS", "EDGEGUARD_WAN_EVENT_PORT"} {
				env.Setenv(name, "")
			}
			return nil
		},
	})
}
