package crash_test

import (
	"context"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/pave-platform/pave/test/world"
)

// takeoverWithin is how soon another server carries out runs.
const takeoverWithin = 5 * time.Second

// Two servers work on one home. Whichever carries out runs is killed, or stopped and
// let go on later, at points of a create and between them: the other takes over, the
// create ends, and there is one of each thing.
func TestTakeover(t *testing.T) {
	long(t)
	s := newStorage(t)
	l := s.lab(t, dice(t))
	if _, err := l.Second(); err != nil {
		t.Fatal(err)
	}
	var killed, stopped []time.Duration
	points := []string{"apply/repository/after-intent", "apply/repository/after-effect", "apply/database:staging/before-record",
		"apply/database:staging/after-record", "pipeline/*/after-effect", "rollout/begin/after-effect",
		"rollout/deployment:staging/after-intent", "rollout/deployment:staging/before-record", "", ""}
	for i, point := range points {
		for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
			took, err := l.overtake(t, point, sig)
			if err != nil {
				t.Fatalf("%d: %s at %q: %v", i, sig, point, err)
			}
			t.Logf("%-45s %-10s overtaken after %s", point, sig, took.Round(time.Millisecond))
			if sig == syscall.SIGKILL {
				killed = append(killed, took)
			} else {
				stopped = append(stopped, took)
			}
		}
	}
	t.Logf("overtaken after SIGKILL: at most %s of %d; after SIGSTOP: at most %s of %d",
		slices.Max(killed).Round(time.Millisecond), len(killed), slices.Max(stopped).Round(time.Millisecond), len(stopped))
	if worst := max(slices.Max(killed), slices.Max(stopped)); worst > takeoverWithin {
		t.Errorf("overtaken after %s, want %s", worst, takeoverWithin)
	}
}

// overtake ends or stops the executor while it makes a service, by way of the other
// server, and returns how long nobody carried out runs.
func (l *lab) overtake(t *testing.T, point string, sig syscall.Signal) (took time.Duration, err error) {
	ctx := context.Background()
	pid, epoch, err := l.Executor(ctx)
	if err != nil {
		return 0, err
	}
	other := "b"
	l.Use("")
	if l.Stat().PID != pid {
		other = ""
	}
	l.Use(other)
	defer l.Use("")
	if point != "" {
		l.Arm(map[syscall.Signal]string{syscall.SIGKILL: "", syscall.SIGSTOP: "stop "}[sig] + point)
	}
	name := l.fresh()
	spec := l.Fixture(name, teamName(l.r), "postgresql")
	run, err := l.Create(spec)
	if err != nil {
		return 0, err
	}
	if point == "" {
		time.Sleep(time.Duration(l.r.Int64N(int64(400 * time.Millisecond))))
		err = syscall.Kill(pid, sig)
	} else if !l.diedWithin(10 * time.Second) {
		err = fmt.Errorf("the point was not passed")
	}
	if err != nil {
		return 0, err
	}
	if took, err = l.Overtaken(ctx, epoch); err != nil {
		return took, err
	}
	if _, err = l.Wait(run); err != nil {
		return took, err
	}
	l.change(name, func(s *world.Service) { s.Database = true })
	if err := l.check(); err != nil {
		return took, err
	}
	if err := l.comeBack(ctx, pid, other, sig); err != nil {
		return took, err
	}
	if err := l.remove(name); err != nil {
		return took, err
	}
	return took, l.check()
}

// comeBack has the server that was ended or stopped stand by again. A stopped one
// goes on where it was, and must change nothing.
func (l *lab) comeBack(ctx context.Context, pid int, other string, sig syscall.Signal) error {
	_, epoch, err := l.Executor(ctx)
	if err != nil {
		return err
	}
	switch {
	case sig == syscall.SIGSTOP:
		err = syscall.Kill(pid, syscall.SIGCONT)
		time.Sleep(500 * time.Millisecond)
	case other == "":
		_, err = l.Second()
	}
	if err != nil {
		return err
	}
	if err := l.check(); err != nil {
		return fmt.Errorf("after it came back: %w", err)
	}
	if _, now, err := l.Executor(ctx); err != nil || now != epoch {
		return fmt.Errorf("epoch %d, then %d: %w", epoch, now, err)
	}
	return nil
}
