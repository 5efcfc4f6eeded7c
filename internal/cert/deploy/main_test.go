package deploy_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(childFolder) != "" {
		writeForever()
		return
	}
	goleak.VerifyTestMain(m)
}
