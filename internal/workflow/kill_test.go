package workflow_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/store/storetest"
	"github.com/pave-platform/pave/internal/workflow"
)

// childExecutor is the process that the kill tests kill: an executor whose steps
// make a file each, named by their run and step.
func childExecutor(url string) int {
	ctx := context.Background()
	db, err := store.Open(ctx, url)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	lease, _ := time.ParseDuration(os.Getenv("WORKFLOW_TEST_LEASE"))
	e := workflow.New(db, workflow.Options{Lease: lease, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	e.Handle("effect", effect(os.Getenv("WORKFLOW_TEST_EFFECTS")))
	if err := e.Run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	return 0
}

// effect makes a file keyed by the step. One that is there is from the same step
// before a kill: it is adopted.
func effect(dir string) workflow.Handler {
	return func(ctx context.Context, t *workflow.Task) (workflow.Result, error) {
		path := filepath.Join(dir, t.Run.ID+"."+t.Step)
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o600)
		switch {
		case errors.Is(err, fs.ErrExist):
			return workflow.Result{Summary: "adopted"}, nil
		case err != nil:
			return workflow.Result{}, err
		}
		workflow.Failpoint(ctx, "made")
		return workflow.Result{Summary: "made"}, f.Close()
	}
}

func childCommand(t *testing.T, url, dir string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "WORKFLOW_TEST_EXECUTOR="+url, "WORKFLOW_TEST_EFFECTS="+dir)
	cmd.Env = append(cmd.Env, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// twelve is a run of 12 steps with branches and joins.
func twelve(handler string) workflow.Start {
	s := workflow.Start{Kind: pave.RunApply, Title: "twelve", Actor: "usr_1", Team: "team"}
	needs := [][]string{nil, {"s0"}, {"s1"}, {"s1"}, {"s2", "s3"}, {"s4"}, {"s4"}, {"s4"}, {"s5", "s6", "s7"}, {"s8"}, {"s9"}, {"s10"}}
	for i, n := range needs {
		s.Steps = append(s.Steps, workflow.StepSpec{Key: fmt.Sprintf("s%d", i), Handler: handler, Needs: n})
	}
	return s
}

func TestKill(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		const runs, kills = 50, 10
		ctx, dir := context.Background(), t.TempDir()
		db := storetest.Open(t, url)
		e := workflow.New(db, workflow.Options{})
		var ids []string
		for range runs {
			r, err := e.Start(ctx, twelve("effect"))
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, r.ID)
		}
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		made := func() int {
			files, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			return len(files)
		}
		for i := range kills {
			cmd := childCommand(t, url, dir)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			// Past a share of the work, and a moment: kills fall all over the runs.
			goal := runs * 12 * i / (kills + 1)
			for end := time.Now().Add(patience); made() <= goal && time.Now().Before(end); {
				time.Sleep(time.Millisecond)
			}
			time.Sleep(time.Duration(random.Int64N(int64(5 * time.Millisecond))))
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			if made() <= goal {
				t.Fatalf("executor %d got no further than %d effects", i, made())
			}
		}
		before := made()
		r := start(t, db, workflow.Options{}, handlers{"effect": effect(dir)})
		again := 0
		for _, id := range ids {
			for _, s := range r.ended(id, pave.RunDone).Steps {
				again += s.Attempt - 1
			}
		}
		if n := made(); n != runs*12 {
			t.Errorf("%d effects, want %d", n, runs*12)
		}
		t.Logf("%d effects before the last start; %d of %d steps ran again", before, again, runs*12)
	})
}

// A process that is stopped for longer than its lease, and then goes on, is a
// zombie: another has taken over, and nothing it does may be recorded.
func TestZombie(t *testing.T) {
	t.Parallel()
	ctx, url, dir := context.Background(), storetest.PostgreSQL(t), t.TempDir()
	db := storetest.Open(t, url)
	cmd := childCommand(t, url, dir, "WORKFLOW_TEST_LEASE=300ms")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })

	client := &rig{Engine: workflow.New(db, workflow.Options{}), t: t, db: db}
	client.ended(client.begin(twelve("effect")).ID, pave.RunDone) // it is the executor
	var ids []string
	for range 5 {
		ids = append(ids, client.begin(twelve("effect")).ID)
	}
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	heir := start(t, db, workflow.Options{Lease: 300 * time.Millisecond}, handlers{"effect": effect(dir)})
	for _, id := range ids {
		heir.ended(id, pave.RunDone)
	}
	var epoch, seq int64
	read := func() (e, s int64) {
		if err := db.QueryRow(ctx, `SELECT epoch, seq FROM executor`).Scan(&e, &s); err != nil {
			t.Fatal(err)
		}
		return e, s
	}
	epoch, seq = read()
	if epoch != 2 {
		t.Errorf("epoch %d, want 2", epoch)
	}
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-exited:
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 3 {
			t.Errorf("the zombie ended with %v, want exit 3 (fenced)", err)
		}
	case <-time.After(patience):
		t.Fatal("the zombie goes on")
	}
	if e, s := read(); e != epoch || s != seq {
		t.Errorf("the zombie moved epoch and events from %d, %d to %d, %d", epoch, seq, e, s)
	}
}
