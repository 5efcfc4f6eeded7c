package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/config"
	"github.com/miekg/dns"
)

// Clients that ask all the time notice nothing of configs that come and go:
// every question is answered, by the old config or the new one.
func TestReloadsLoseNoQuestion(t *testing.T) {
	const reloads, clients = 10, 4
	file := filepath.Join(t.TempDir(), "edgeguard.toml")
	write := func(generation int) {
		text := strings.ReplaceAll(quietConfig, "%NAME%", "one.example.org\", \"g"+fmt.Sprint(generation)+".example.org")
		// Another upstream each time, so that the pool is another one too.
		text = strings.ReplaceAll(text, `upstreams = ["127.0.0.1:9"]`, fmt.Sprintf(`upstreams = ["127.0.0.%d:9"]`, generation+2))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(0)
	opt := &options{config: file}
	flags := listenFlags{dns: port(t), status: port(t)}
	load := func() (*config.Config, error) { return loadConfig(opt, flags) }
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- runDaemon(ctx, opt, load, t.Output()) }()
	until(t, func() error { return conditions["answers"]([]string{flags.dns, "one.example.org", "127.0.0.77"}) })

	asking, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	asked := make([]int, clients)
	for i := range clients {
		group.Go(func() { asked[i] = askAllTheTime(t, asking, flags.dns, []string{"udp", "tcp"}[i%2]) })
	}
	for generation := 1; generation <= reloads; generation++ {
		write(generation)
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		until(t, func() error {
			return conditions["answers"]([]string{flags.dns, fmt.Sprintf("g%d.example.org", generation), "127.0.0.77"})
		})
	}
	stop()
	group.Wait()
	for i, n := range asked {
		if n < reloads {
			t.Errorf("client %d asked %d questions only: this proves little", i, n)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// askAllTheTime asks one question after the other until ctx ends, and returns
// how many. Each has to be answered at once: nothing is asked twice.
func askAllTheTime(t *testing.T, ctx context.Context, server, network string) (asked int) {
	client := &dns.Client{Net: network, Timeout: patience}
	for ctx.Err() == nil {
		answer, _, err := client.ExchangeContext(context.WithoutCancel(ctx), new(dns.Msg).SetQuestion("one.example.org.", dns.TypeA), server)
		if err == nil && len(answer.Answer) != 1 {
			err = errors.New(answer.String())
		}
		if err != nil {
			t.Errorf("question %d over %s: %v", asked, network, err)
			return asked
		}
		asked++
		time.Sleep(time.Millisecond) // a house, not a flood
	}
	return asked
}
