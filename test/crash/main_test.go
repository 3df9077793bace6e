// Package crash_test kills pave at every point of every transition and looks at
// what is really there afterwards: each run goes on to its end by itself, there is
// one of each thing, and nothing is left over.
//
// By default it does so for create, with 20 random kills; PAVE_TEST_REAL=1 adds
// the other transitions, kills of every other program, and real builds.
// PAVE_TEST_SEED repeats the random choices of a run that failed.
package crash_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/pave-platform/pave/test/world"
)

func TestMain(m *testing.M) { world.Main(m) }

// long skips what only make test-real does.
func long(t *testing.T) {
	t.Helper()
	if os.Getenv("PAVE_TEST_REAL") == "" {
		t.Skip("PAVE_TEST_REAL=1 (make test-real) runs this")
	}
}

// dice are random choices that can be repeated; they print their seed.
func dice(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if os.Getenv("CI") == "true" { // a change is judged by the same kills as the one before
		seed = 1
	}
	if s := os.Getenv("PAVE_TEST_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	t.Logf("PAVE_TEST_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// teamName is a name that resembles no other: pave refuses a new team that looks
// like a typing error.
func teamName(r *rand.Rand) string {
	name := make([]byte, 12)
	for i := range name {
		name[i] = byte('a' + r.IntN(26))
	}
	return string(name)
}

// A lab is a home with the services that should be in it.
type lab struct {
	*world.Home
	t    *testing.T
	r    *rand.Rand
	want map[string]world.Service
	made int
	// slowPipelines gives each pushed commit a pipeline with a job that takes a while.
	slowPipelines bool
}

func newLab(t *testing.T, r *rand.Rand, env ...string) *lab {
	t.Helper()
	return labOf(t, r, world.New(t, env...))
}

func labOf(t *testing.T, r *rand.Rand, h *world.Home) *lab {
	own := rand.New(rand.NewPCG(r.Uint64(), r.Uint64())) // labs run side by side
	return &lab{Home: h, t: t, r: own, want: map[string]world.Service{}}
}

// check compares the world with all services there should be.
func (l *lab) check() error {
	var all []world.Service
	for _, s := range l.want {
		all = append(all, s)
	}
	return l.Check(all...)
}

// change sets what there should be of a service from now on.
func (l *lab) change(name string, f func(*world.Service)) {
	s := l.want[name]
	s.Name = name
	f(&s)
	l.want[name] = s
}

// fresh is the name of a service that was never there.
func (l *lab) fresh() string {
	l.made++
	return fmt.Sprintf("s%d-%s", l.made, teamName(l.r)[:4])
}

// finish waits for a run that was begun.
func (l *lab) finish(id string, err error) (string, error) {
	if err == nil {
		_, err = l.Wait(id)
	}
	return id, err
}
