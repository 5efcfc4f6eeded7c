//go:build linux

package lab

// A Docker engine of a host's own, and the daemon's image in it.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// EngineImageEnv names an image of the machine's own engine to run in place of
// the one that is made of this source tree.
const EngineImageEnv = "EDGEGUARD_DOCKER_IMAGE"

// EngineImage is what the image is called in every Engine.
const EngineImage = "edgeguard"

// Engine is a Docker engine that runs on a host of the lab. Its bridges and its
// rules are in that host's namespace, and its files in a folder of the test.
type Engine struct {
	dir     string
	process *Process
}

// StartEngine starts a Docker engine on a host, with the daemon's image in it,
// and waits until it answers. Where this machine cannot have one the test is
// skipped; with EDGEGUARD_DOCKER=require in the environment it fails. The engine
// is ended with the test, and its containers with it.
func (h *Host) StartEngine(t testing.TB) *Engine {
	t.Helper()
	for _, tool := range []string{"dockerd", "docker", "nsenter", "unshare"} {
		if _, err := exec.LookPath(tool); err != nil {
			noEngine(t, tool+" is missing")
		}
	}
	// Not the test's own folder: its sockets' names must be short.
	shared, err := scratch()
	if err != nil {
		t.Fatalf("making a folder for the engine: %v", err)
	}
	dir, err := os.MkdirTemp(shared, "engine")
	if err != nil {
		t.Fatalf("making a folder for the engine: %v", err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("removing the engine's folder: %v", err)
		}
	})
	e := &Engine{dir: dir}
	if err := os.WriteFile(e.path("daemon.json"), []byte("{}"), 0o600); err != nil {
		t.Fatalf("writing the engine's configuration: %v", err)
	}
	// The host's network, and the machine's file systems, as ip netns exec hides
	// the control groups; what the engine mounts is gone with it.
	e.process = h.startQuiet(t, "dockerd", nil, "nsenter", fmt.Sprintf("--mount=/proc/%d/ns/mnt", os.Getpid()), "--",
		"unshare", "--mount", "--", "dockerd", "--config-file", e.path("daemon.json"), "--data-root", e.path("data"), "--exec-root", e.path("exec"),
		"--pidfile", e.path("pid"), "--host", e.socket(), "--storage-driver", "vfs", "--dns", InternetAddr.String())
	t.Cleanup(func() { e.end(t) })
	for limit := time.Now().Add(Patience); ; time.Sleep(100 * time.Millisecond) {
		_, err := e.Try("version")
		switch {
		case err == nil:
			e.load(t)
			return e
		case e.process.Ended() || time.Now().After(limit):
			noEngine(t, "dockerd does not run: "+e.process.log.tail(1<<10))
		}
	}
}

func noEngine(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("EDGEGUARD_DOCKER") == "require" {
		t.Fatalf("EDGEGUARD_DOCKER=require, but this machine cannot have a Docker engine: %s", why)
	}
	t.Skipf("this machine cannot have a Docker engine: %s", why)
}

func (e *Engine) path(name string) string { return filepath.Join(e.dir, name) }

func (e *Engine) socket() string { return "unix://" + e.path("sock") }

// end takes away the containers, whose own helpers outlive an engine, and then
// the engine.
func (e *Engine) end(t testing.TB) {
	if e.process.Ended() {
		return
	}
	if list, err := e.Try("ps", "-aq"); err == nil && list != "" {
		if _, err := e.Try(append([]string{"rm", "-f"}, strings.Fields(list)...)...); err != nil {
			t.Error(err)
		}
	}
	if _, err := e.process.Stop(Patience); err != nil {
		t.Error(err)
	}
	if t.Failed() {
		t.Logf("dockerd wrote last:\n%s", e.process.log.tail(4<<10))
	}
}

// Command returns a command that speaks to the engine, such as docker or
// docker-compose, in a folder. It is killed when ctx ends.
func (e *Engine) Command(ctx context.Context, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(baseEnv(), "DOCKER_HOST="+e.socket(), "DOCKER_CONFIG="+e.dir, "DOCKER_BUILDKIT=0")
	cmd.WaitDelay = time.Second
	return cmd
}

// Try runs a docker command and returns what it wrote, standard output and error
// together. The error holds the output too.
func (e *Engine) Try(args ...string) (string, error) {
	return e.tryIn(e.dir, "docker", args...)
}

func (e *Engine) tryIn(dir, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	out, err := e.Command(ctx, dir, name, args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), errors.Join(err, ctx.Err()), out)
	}
	return strings.TrimSpace(string(out)), err
}

// Run is Try for what must not fail.
func (e *Engine) Run(t testing.TB, args ...string) string {
	t.Helper()
	out, err := e.Try(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Compose runs a docker-compose command in a folder, and skips the test where
// there is no docker-compose.
func (e *Engine) Compose(t testing.TB, dir string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("docker-compose"); err != nil {
		noEngine(t, "docker-compose is missing")
	}
	out, err := e.tryIn(dir, "docker-compose", args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// load puts the daemon's image into the engine.
func (e *Engine) load(t testing.TB) {
	t.Helper()
	if name := os.Getenv(EngineImageEnv); name != "" {
		file := e.path("image.tar")
		if out, err := exec.Command("docker", "save", "-o", file, name).CombinedOutput(); err != nil {
			t.Fatalf("saving the image %s of the machine's own engine: %v\n%s", name, err, out)
		}
		e.Run(t, "load", "-i", file)
		e.Run(t, "tag", name, EngineImage)
		return
	}
	dir := e.path("image")
	if err := lastStage(dir); err != nil {
		t.Fatalf("making the image: %v", err)
	}
	e.Run(t, "build", "-t", EngineImage, dir)
}

// lastStage makes a folder in which docker builds the last stage of the
// Dockerfile, which pulls nothing, with what the first would have built.
func lastStage(dir string) error {
	root, err := sourceRoot()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	if err != nil {
		return err
	}
	_, stage, found := strings.Cut(string(text), "\nFROM scratch\n")
	if !found || !strings.Contains(stage, "--from=build /out/") {
		return errors.New("the Dockerfile's last stage is not from scratch, with what the first left in /out")
	}
	stage = "FROM scratch\n" + strings.ReplaceAll(stage, "--from=build /out/", "out/")
	if err := os.MkdirAll(filepath.Join(dir, "out", "data"), 0o755); err != nil {
		return err
	}
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", filepath.Join(dir, "out", "edgeguard"), "./cmd/edgeguard")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the daemon: %w\n%s", err, out)
	}
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("finding Go's own files: %w", err)
	}
	zones, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(goroot)), "lib", "time", "zoneinfo.zip"))
	return errors.Join(err,
		os.WriteFile(filepath.Join(dir, "out", "zoneinfo.zip"), zones, 0o644),
		os.WriteFile(filepath.Join(dir, "out", "ca-certificates.crt"), nil, 0o644), // nothing in a lab is signed by the world's CAs
		os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(stage), 0o644))
}
