package deploy_test

import (
	"os"
	"os/signal"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(childFolder) != "" {
		writeForever()
		return
	}
	// Under nohup SIGHUP is ignored, by what we start as well, and no shell can
	// undo that. What is caught here is the default for those again.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	goleak.VerifyTestMain(m)
}
