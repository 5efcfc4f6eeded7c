package notify

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain sets a proxy that nothing of ours may use. net/http reads the
// environment once in a process, so it is set before any test.
func TestMain(m *testing.M) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		if err := os.Setenv(name, "http://192.0.2.1:3128"); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}
