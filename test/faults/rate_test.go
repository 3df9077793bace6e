package faults_test

import (
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pave-platform/pave/test/faultproxy"
)

// seed decides which calls fail. Each is judged by what it is and how often it came, so
// that the same calls fail in the next run.
const seed = 5

// A rate lets some calls fail, in one of four ways.
type rate struct {
	in    uint64 // one call in so many fails
	mu    sync.Mutex
	times map[string]int
	// Of the calls so many met a fault, and so many came.
	faults, calls atomic.Int64
}

func (r *rate) fault(x *faultproxy.Exchange) {
	call := x.R.Method + " " + x.R.URL.RequestURI()
	r.mu.Lock()
	r.times[call]++
	n := r.times[call]
	r.mu.Unlock()
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s %d", seed, call, n)
	r.calls.Add(1)
	r.faults.Add(1)
	switch h.Sum64() % (4 * r.in) {
	case 0: // nobody heard of it, and it takes a while to find out
		time.Sleep(300 * time.Millisecond)
		faultproxy.Refuse()(x)
	case 1:
		faultproxy.Lose()(x)
	case 2:
		faultproxy.Status(429, "1")(x)
	case 3:
		faultproxy.Status(503, "")(x)
	default:
		r.faults.Add(-1)
		faultproxy.Pass()(x)
	}
}

// Where one call in ten (in the gate: twenty) to git host and Vault fails, services are made, given secrets and
// deleted without a person: each thing once, and nothing is left.
func TestRate(t *testing.T) {
	t.Parallel()
	n, in := 3, uint64(20)
	if os.Getenv("PAVE_TEST_REAL") != "" {
		n, in = 40, 10
	}
	l := newLab(t)
	r := &rate{in: in, times: map[string]int{}}
	l.gitProxy.On("*", 0, r.fault)
	l.vaultWay.On("*", 0, r.fault)
	t.Logf("seed %d, %d services, one call in %d fails", seed, n, in)
	began := time.Now()
	each(t, n, func(i int) error { return l.live(i) })
	t.Logf("%d creates with a secret each in %s; %d of %d calls failed", n, time.Since(began).Round(time.Second), r.faults.Load(), r.calls.Load())
	if r.faults.Load() == 0 {
		t.Error("no call failed")
	}
	if names := l.git.Names(); len(names) != n || strings.Contains(strings.Join(names, " "), "aside") {
		t.Errorf("the host has %d repositories for %d services: %v", len(names), n, names)
	}
	each(t, n, func(i int) error {
		repos, err := l.resources(name(i), "repository")
		if err == nil && len(repos) != 1 {
			err = fmt.Errorf("%s has %d repositories in the journal", name(i), len(repos))
		}
		return errors.Join(err, l.kept(name(i)))
	})
	each(t, n, func(i int) error {
		run, err := l.Delete(name(i))
		if err == nil {
			_, err = l.Wait(run)
		}
		return err
	})
	t.Logf("and deleted after %s", time.Since(began).Round(time.Second))
	for _, left := range l.git.Names() {
		if !strings.Contains(left, "-aside-") {
			t.Errorf("after all services were deleted the host has %s", left)
		}
	}
	if got := len(l.git.Names()); got != n {
		t.Errorf("the host keeps %d repositories of %d services", got, n)
	}
	for i := range n {
		if keys := l.vault.Get(entry(name(i))); len(keys) > 0 {
			t.Errorf("after %s Vault has %d keys", name(i), len(keys))
		}
	}
}

func name(i int) string { return fmt.Sprintf("shop%02d", i) }

// live makes a service, every third one with a database, and gives it a secret.
func (l *lab) live(i int) error {
	database := "none"
	if i%3 == 2 {
		database = "postgresql"
	}
	run, err := l.Create(l.Fixture(name(i), team, database))
	if err == nil {
		_, err = l.Wait(run)
	}
	if err != nil {
		return fmt.Errorf("create %s: %w", name(i), err)
	}
	if run, err = l.set(name(i), "pvcnry-"+name(i)); err == nil {
		_, err = l.Wait(run)
	}
	return err
}

// each does it for all numbers below n, four at once.
func each(t *testing.T, n int, do func(i int) error) {
	t.Helper()
	var wg sync.WaitGroup
	room := make(chan struct{}, 4)
	for i := range n {
		wg.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			if err := do(i); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
