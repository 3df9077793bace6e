package e2e_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pave-platform/pave/test/world"
)

const crowd = 50

// ids lets many ask at once and returns the run of each.
func ids(t *testing.T, ask func(i int) (string, error)) []string {
	t.Helper()
	runs, errs := make([]string, crowd), make([]error, crowd)
	var group sync.WaitGroup
	start := make(chan struct{})
	for i := range crowd {
		group.Go(func() {
			<-start
			runs[i], errs[i] = ask(i)
		})
	}
	close(start)
	group.Wait()
	for i, err := range errs {
		if err != nil {
			t.Errorf("request %d: %v", i, err)
		}
	}
	return runs
}

// Of 50 creates of one name at once, one is carried out and all get its run.
func TestOneNameAtOnce(t *testing.T) {
	t.Parallel()
	h := world.New(t)
	spec := h.Fixture("shop", "shopkeepers", "none")
	runs := ids(t, func(int) (string, error) { return h.Create(spec) })
	for i, id := range runs {
		if id == "" || id != runs[0] {
			t.Errorf("request %d got run %q, the first got %q", i, id, runs[0])
		}
	}
	if t.Failed() {
		return
	}
	if _, err := h.Wait(runs[0]); err != nil {
		t.Fatal(err)
	}
	h.ExpectExactly("create service", "shop", 1)
	check(t, h, world.Service{Name: "shop"})
}

// 50 names at once, of one team that is new: all come to live, five of them with a
// database of their own.
func TestFiftyNamesAtOnce(t *testing.T) {
	t.Parallel()
	h := world.New(t)
	var want []world.Service
	for i := range crowd {
		want = append(want, world.Service{Name: fmt.Sprintf("shop-%02d", i), Database: i%10 == 0})
	}
	began := time.Now()
	runs := ids(t, func(i int) (string, error) {
		database := "none"
		if want[i].Database {
			database = "postgresql"
		}
		return h.Create(h.Fixture(want[i].Name, "shopkeepers", database))
	})
	if t.Failed() {
		return
	}
	for i, id := range runs {
		if _, err := h.Wait(id); err != nil {
			t.Errorf("%s: %v", want[i].Name, err)
		}
	}
	t.Logf("%d services live after %s", crowd, time.Since(began).Round(10*time.Millisecond))
	check(t, h, want...)
}
