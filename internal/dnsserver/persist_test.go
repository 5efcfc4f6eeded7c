package dnsserver_test

// The cache over a restart.

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/edgeguard/edgeguard/internal/dnsserver"
)

// logged is a log that counts warnings.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) warnings() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []string
	for line := range strings.Lines(l.text.String()) {
		if strings.Contains(line, "level=WARN") && strings.Contains(line, "cache") {
			list = append(list, line)
		}
	}
	return list
}

// keeping is a change of the config that saves the cache in file.
func keeping(file string, log *logged) func(*dnsserver.Config) {
	return func(c *dnsserver.Config) {
		c.CacheFile = file
		if log != nil {
			c.Log = slog.New(slog.NewTextHandler(log, nil))
		}
	}
}

func TestCacheOutlivesARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dns-cache")
	first := start(t, newWorld(t, "www.example.net. 300 IN A 11.22.33.44").addr, keeping(file, nil))
	first.ask("www.example.net.", dns.TypeA)
	first.ask("none.example.net.", dns.TypeA)
	if err := first.end(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Fatalf("the file is %v, %v", info, err)
	}
	if list, err := os.ReadDir(filepath.Dir(file)); err != nil || len(list) != 1 {
		t.Errorf("beside the file is %v", list)
	}
	second := start(t, silent(t), keeping(file, nil))
	if m := second.ask("www.example.net.", dns.TypeA); len(addresses(m.Answer)) != 1 || m.Answer[0].Header().Ttl > 300 {
		t.Errorf("after the restart %v", m)
	}
	if m := second.ask("none.example.net.", dns.TypeA); m.Rcode != dns.RcodeNameError {
		t.Errorf("after the restart %v", m)
	}
	if st := second.Status().Cache; st.Loaded != 2 || st.Entries != 2 {
		t.Errorf("Status = %+v", st)
	}
}

func TestAnOldFileIsServedStaleWhileUpstreamIsDown(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dns-cache")
	inLab(t, keeping(file, nil), func(l *lab) {
		l.up.says(t, 0, 0, www)
		l.get("www.example.net.")
	})
	// The bubble's clock says 2000, which no clock that is set does.
	inLab(t, keeping(file, nil), func(l *lab) {
		l.up.fails(5 * time.Second)
		l.want("the first answer after the restart", old, 30, 3, 1800*time.Millisecond)
	})
}

func TestBadFilesAreSurvived(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good")
	inLab(t, keeping(good, nil), func(l *lab) {
		l.up.says(t, 0, 0, www)
		l.get("www.example.net.")
		l.up.says(t, 0, 0, "mail.example.net. 60 IN A 11.22.33.44")
		l.get("mail.example.net.")
	})
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		octets []byte
		loaded uint64
		bad    bool
	}{
		"torn": {whole[:len(whole)-1], 1, false}, "foreign": {[]byte("a file of somebody else's that is longer"), 0, true},
		"empty": {nil, 0, true}, "newer": {append(append(bytes.Clone(whole[:11]), 9), whole[12:]...), 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			file, log := filepath.Join(t.TempDir(), "dns-cache"), &logged{}
			if err := os.WriteFile(file, c.octets, 0o600); err != nil {
				t.Fatal(err)
			}
			inLab(t, keeping(file, log), func(l *lab) {
				l.up.says(t, 0, 0, www)
				l.want("all the same", old, 60, 0, 0)
				if n := l.Status().Cache.Loaded; n != c.loaded {
					t.Errorf("%d entries were loaded, want %d", n, c.loaded)
				}
			})
			if w := log.warnings(); len(w) != 1 {
				t.Errorf("warnings: %q", w)
			}
			aside, err := os.ReadFile(file + ".bad")
			if c.bad && !bytes.Equal(aside, c.octets) || !c.bad && err == nil {
				t.Errorf("set aside: %q, %v", aside, err)
			}
			if now, err := os.ReadFile(file); err != nil || bytes.Equal(now, c.octets) {
				t.Errorf("no new file was written: %v", err)
			}
		})
	}
}

func TestAFolderThatIsNotThereWarnsOnce(t *testing.T) {
	file, log := filepath.Join(t.TempDir(), "gone", "dns-cache"), &logged{}
	inLab(t, keeping(file, log), func(l *lab) {
		for range 5 {
			l.up.says(t, 0, 0, www)
			l.get("www.example.net.")
			l.sleep(time.Hour)
		}
	})
	if w := log.warnings(); len(w) != 1 || !strings.Contains(w[0], "state_dir") {
		t.Errorf("warnings: %q", w)
	}
}

func TestTheFileIsWrittenNowAndThenIfSomethingChanged(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dns-cache")
	there := func() bool { _, err := os.Stat(file); return err == nil }
	inLab(t, keeping(file, nil), func(l *lab) {
		l.up.says(t, 0, 0, www)
		l.get("www.example.net.")
		l.sleep(26 * time.Minute)
		if there() {
			t.Error("written too early")
		}
		l.sleep(8 * time.Minute)
		if !there() {
			t.Fatal("not written after 34 min")
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		l.sleep(3 * time.Hour)
		if there() {
			t.Error("written again though nothing has changed")
		}
		l.Purge("www.example.net")
		l.sleep(0)
		if !there() {
			t.Error("a purge does not reach the file")
		}
	})
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	inLab(t, func(c *dnsserver.Config) { c.CacheFile, c.CacheBytes = file, -1 }, func(l *lab) {
		l.up.says(t, 0, 0, www)
		l.get("www.example.net.")
		l.sleep(3 * time.Hour)
	})
	if there() {
		t.Error("written without a cache")
	}
}

func TestADiskThatHangsDelaysNobodyForLong(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "dns-cache")
	if err := syscall.Mkfifo(file, 0o600); err != nil {
		t.Skipf("no named pipes here: %v", err)
	}
	h := start(t, newWorld(t, "www.example.net. 300 IN A 11.22.33.44").addr, keeping(file, nil))
	// Opening the pipe waits for a writer, who comes when all is answered.
	for name, want := range map[string]string{"mqtt.example.org.": "192.168.1.10", "www.example.net.": "11.22.33.44"} {
		if got := addresses(h.ask(name, dns.TypeA).Answer); len(got) != 1 || got[0] != want {
			t.Errorf("%s is %v", name, got)
		}
	}
	w, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
}
