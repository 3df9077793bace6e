//go:build failpoints

package workflow_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store/storetest"
	"github.com/pave-platform/pave/internal/workflow"
)

// Every point of every step of a run is a place to die once; the next executor
// must finish the run, with each effect there and the marker naming the point.
func TestFailpoints(t *testing.T) {
	t.Parallel()
	list := filepath.Join(t.TempDir(), "points")
	passThrough(t, "PAVE_FAILPOINT_LIST="+list)
	raw, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	points := strings.Fields(string(raw))
	if want := 5 * 12; len(points) != want { // four of the engine and one of the handler
		t.Fatalf("%d points passed, want %d: %s", len(points), want, points)
	}
	for _, point := range points {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			once := filepath.Join(t.TempDir(), "once")
			passThrough(t, "PAVE_FAILPOINT="+point, "PAVE_FAILPOINT_ONCE="+once)
			if at, err := os.ReadFile(once); err != nil || strings.TrimSpace(string(at)) != point {
				t.Errorf("killed at %q, %v", at, err)
			}
		})
	}
}

// passThrough carries one run through, starting a new executor whenever one was
// killed.
func passThrough(t *testing.T, env ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	url, dir := storetest.SQLite(t), t.TempDir()
	client := &rig{t: t, Engine: workflow.New(storetest.Open(t, url), workflow.Options{})}
	id := client.begin(twelve("effect")).ID
	for starts := 1; ; starts++ {
		cmd := childCommand(t, url, dir, env...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		died := make(chan error, 1)
		go func() { died <- cmd.Wait() }()
		for alive := true; alive; {
			select {
			case <-died:
				alive = false
			case <-ctx.Done():
				_ = cmd.Process.Kill()
				t.Fatalf("not done after %d starts", starts)
			case <-time.After(5 * time.Millisecond):
				if got, err := client.Get(ctx, id); err == nil && got.State == pave.RunDone && settled(t, env, dir) {
					_ = cmd.Process.Kill()
					<-died
					return
				}
			}
		}
	}
}

// settled reports whether all effects are there and, where points are listed, the
// last one, which comes after the run is done.
func settled(t *testing.T, env []string, dir string) bool {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 12 {
		t.Fatalf("%d effects, %v; want 12", len(files), err)
	}
	for _, e := range env {
		path, ok := strings.CutPrefix(e, "PAVE_FAILPOINT_LIST=")
		if raw, err := os.ReadFile(path); ok && (err != nil || !strings.Contains(string(raw), "apply/s11/after-record")) {
			return false
		}
		if path, ok := strings.CutPrefix(e, "PAVE_FAILPOINT_ONCE="); ok {
			if at, err := os.ReadFile(path); err != nil || len(at) == 0 {
				return false // the last point is passed after the run is done
			}
		}
	}
	return true
}
