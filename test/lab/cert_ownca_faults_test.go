//go:build linux

package lab_test

// What goes wrong between the daemon and the broker, and heals.

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/test/lab"
)

// A folder that cannot be written, for two reasons, and a broker that nobody tells
// of a renewal. What is there is a pair all along.
func TestOwnCAHandOverFaults(t *testing.T) {
	t.Parallel() // it waits more than it works
	o := newOwnHome(t, `key = "ecdsa-p256"`)
	o.watchPairs(3)
	// A file stands where the folder should be.
	if err := os.WriteFile(o.dir, []byte("a note\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.command("cert", "ca", "init", "--key", "ecdsa-p256")
	o.within("the file is told", o.fails("is not a folder", "Move away the file of that name"))
	if text, err := os.ReadFile(o.dir); err != nil || string(text) != "a note\n" {
		t.Errorf("the file that was in the way is %q, %v", text, err)
	}
	if err := os.Remove(o.dir); err != nil {
		t.Fatal(err)
	}
	o.within("healed: the certificate is handed over", func() error { _, err := o.handed(); return err })
	// No watcher, and reload = "none".
	broker := o.startBroker(o.snippet("mosquitto"), "allow_anonymous true", false)
	lab.Eventually(t, lab.Patience, o.Phone.WantA(lab.NASAddr, lab.DuckDNSName, lab.NASAddr))
	o.within("all links pass", o.whole)

	// The folder is mounted read-only, for the daemon alone.
	o.mount("--bind", o.dir, o.dir)
	o.mount("-o", "remount,bind,ro", o.dir)
	first, err := o.handed()
	if err != nil {
		t.Fatal(err)
	}
	o.command("cert", "renew")
	o.within("the read-only mount is told", o.fails("is mounted read-only", "the broker keeps the certificate that it has"))
	if shown := o.shown(); shown.Handed == nil || shown.Handed.Same == nil || *shown.Handed.Same {
		t.Errorf("cert show says %+v", shown.Handed)
	}
	if now, err := o.handed(); err != nil || !now.Equal(first) {
		t.Errorf("the folder holds another certificate, %v", err)
	}
	if err := o.works(o.ca()); err != nil {
		t.Errorf("meanwhile: %v", err)
	}
	o.mount("-o", "remount,bind,rw", o.dir)
	o.command("cert", "renew") // it is tried again at once, and not within the minute
	o.within("healed: the new certificate is handed over", func() error {
		now, err := o.handed()
		if err == nil && now.Equal(first) {
			err = fmt.Errorf("the folder still holds the old one")
		}
		return err
	})

	// The broker goes on with what it has read, which is told with what to do.
	o.within("the old certificate is told", o.says("warn", "restart"))
	o.within("it is said to be served", o.serving("no"))
	showStatus(t, o.d)
	broker.Stop(lab.Patience)
	o.startBroker(o.snippet("mosquitto"), "allow_anonymous true", false)
	o.within("a restart heals it", o.whole)
	o.within("that is told", o.serving("yes"))
	renewed, err := o.handed()
	if err != nil {
		t.Fatal(err)
	}
	o.command("cert", "renew") // once more, for the eye on the pairs
	lab.Eventually(t, lab.Patience, func() error {
		now, err := o.handed()
		if err == nil && now.Equal(renewed) {
			err = fmt.Errorf("the folder still holds the old one")
		}
		return err
	})
}

// fails wants the daemon to say what fails, in words.
func (o *ownHome) fails(words ...string) func() error {
	return func() error {
		c, err := o.kept()
		if err != nil {
			return err
		}
		for _, w := range words {
			if c.LastError == nil || !strings.Contains(*c.LastError, w) {
				return fmt.Errorf("it says %+v, and nothing of %q", c, w)
			}
		}
		return nil
	}
}

// serving wants the daemon to say whether the broker serves what was handed over.
func (o *ownHome) serving(state string) func() error {
	return func() error {
		c, err := o.kept()
		if err != nil {
			return err
		}
		if len(c.Serving) != 1 || c.Serving[0].State != state {
			return fmt.Errorf("it says %+v", c.Serving)
		}
		return nil
	}
}

// mount mounts something in the name space of the daemon, which ip netns exec has
// made for it alone.
func (o *ownHome) mount(args ...string) {
	o.t.Helper()
	argv := append([]string{"-t", fmt.Sprint(o.d.Pid()), "-m", "mount"}, args...)
	if out, err := o.NAS.Try(lab.Patience, "nsenter", argv...); err != nil {
		o.t.Fatalf("%v: %s", err, out)
	}
}
