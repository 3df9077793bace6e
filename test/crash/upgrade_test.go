package crash_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pave-platform/pave/test/world"
)

// The program is replaced by a newer one while 20 services are being made: the runs
// that the older began all end.
func TestUpgrade(t *testing.T) {
	long(t)
	old := buildBefore(t)
	h := world.NewDown(t)
	l := labOf(t, dice(t), h)
	renewed := h.Pave
	h.Pave = filepath.Join(filepath.Dir(h.Dir), "pave") // the same path before and after
	install(t, old, h.Pave)
	h.Up()
	const services = 20
	runs := make([]string, services)
	var asked sync.WaitGroup
	for i := range runs {
		name := l.fresh()
		spec := l.Fixture(name, teamName(l.r), "postgresql")
		l.change(name, func(s *world.Service) { s.Database = true })
		asked.Go(func() {
			id, err := l.Create(spec)
			if err != nil {
				t.Error(err)
			}
			runs[i] = id
		})
	}
	asked.Wait()
	ended := 0
	for _, id := range runs {
		if run, err := l.Run(id); err == nil && run.State.Ended() {
			ended++
		}
	}
	before, node := l.Stat().PID, l.NodePID()
	install(t, renewed, h.Pave)
	began := time.Now()
	h.Up()
	t.Logf("%d of %d runs had ended; replaced within %s", ended, services, time.Since(began).Round(time.Millisecond))
	if after := l.Stat().PID; after == before {
		t.Error("the old server goes on")
	}
	if l.NodePID() != node {
		t.Error("the node was restarted, and with it what it runs")
	}
	if ended > services/2 {
		t.Errorf("only %d runs were in flight", services-ended)
	}
	done := 0
	for _, id := range runs {
		if _, err := l.Wait(id); err != nil {
			t.Error(err)
			continue
		}
		done++
	}
	t.Logf("%d of %d ended", done, services)
	if err := l.check(); err != nil {
		t.Error(err)
	}
	refusesNewer(t, l)
}

// refusesNewer lets the store be that of a pave to come.
func refusesNewer(t *testing.T, l *lab) {
	l.KeepDown()
	l.KillServer()
	if err := l.Later(context.Background()); err != nil {
		t.Fatal(err)
	}
	out, err := l.Command(t.Context(), "up")
	if err == nil || !strings.Contains(out, "changed by a newer pave") || !strings.Contains(out, "restore a backup") {
		t.Errorf("the store of a newer pave: %v\n%s", err, out)
	}
}

// install puts a program at a path, in the place of what is there.
func install(t *testing.T, program, path string) {
	t.Helper()
	data, err := os.ReadFile(program)
	if err == nil {
		err = os.WriteFile(path+".new", data, 0o755)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// buildBefore builds the program of the commit before this one, or of
// PAVE_TEST_FROM.
func buildBefore(t *testing.T) string {
	t.Helper()
	from := os.Getenv("PAVE_TEST_FROM")
	if from == "" {
		from = "HEAD^"
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	git := func(args ...string) ([]byte, error) {
		cmd := exec.Command("git", args...)
		cmd.Dir = root
		return cmd.Output()
	}
	commit, err := git("rev-parse", "--verify", "--quiet", from+"^{commit}")
	if err != nil {
		t.Skipf("there is no commit %s here to upgrade from: a shallow clone, or no git history", from)
	}
	archive, err := git("archive", "--format=tar", strings.TrimSpace(string(commit)))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	tar := exec.Command("tar", "-x", "-C", dir)
	tar.Stdin = bytes.NewReader(archive)
	if out, err := tar.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	program := filepath.Join(dir, "pave.before")
	build := exec.Command("go", "build", "-tags", "failpoints", "-ldflags", "-X main.version=before", "-o", program, "./cmd/pave")
	build.Dir, build.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build of %s: %v\n%s", from, err, out)
	}
	return program
}
