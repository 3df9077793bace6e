package crash_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// Every point of a create is a place to die once.
func TestCreate(t *testing.T) {
	t.Parallel()
	matrix(t, createDB, 2)
}

func TestTransitions(t *testing.T) {
	long(t)
	for _, make := range []func() transition{push, deploy, undoDeploy, remove, restore, undoCreate, undoDelete, failing, setSecret, restart, rotate, rotateCache, relink, renameService, adopt} {
		t.Run(make().name, func(t *testing.T) {
			matrix(t, make, 2)
		})
	}
}

// matrix does a transition once undisturbed, to learn which points it passes, and
// then once for each point, with the server killed there. Homes share the points.
func matrix(t *testing.T, make func() transition, homes int) {
	matrixOf(t, newLab, make, homes)
}

// matrixOf is matrix in labs that newLab makes.
func matrixOf(t *testing.T, newLab func(*testing.T, *rand.Rand, ...string) *lab, make func() transition, homes int) {
	r := dice(t)
	first := newLab(t, r)
	points, err := enumerate(first, make())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d points", len(points))
	for i := range homes {
		l := first
		if i > 0 {
			l = newLab(t, r)
		}
		var mine []string
		for j := i; j < len(points); j += homes {
			mine = append(mine, points[j])
		}
		t.Run(fmt.Sprintf("home%d", i), func(t *testing.T) {
			t.Parallel()
			tr := make()
			for _, point := range mine {
				began := time.Now()
				if err := l.dieAt(tr, point); err != nil {
					t.Errorf("%s, killed at %s: %v", tr.name, point, err)
					return // this home is no longer what the next point may start from
				}
				t.Logf("%-50s %s", point, time.Since(began).Round(time.Millisecond))
			}
		})
	}
}

// enumerate does a transition and returns the points it passed.
func enumerate(l *lab, tr transition) ([]string, error) {
	name, err := tr.begin(l)
	if err != nil {
		return nil, err
	}
	l.Passed()
	if err := tr.do(l, name); err != nil {
		return nil, err
	}
	if err := l.check(); err != nil {
		return nil, fmt.Errorf("undisturbed: %w", err)
	}
	points := l.Passed()
	for _, p := range []string{"before-intent", "after-intent", "after-effect", "after-record", "before-record"} {
		if !slices.ContainsFunc(points, func(q string) bool { return strings.HasSuffix(q, "/"+p) }) {
			return nil, fmt.Errorf("no point %s among %v", p, points)
		}
	}
	return slices.DeleteFunc(points, func(p string) bool { return !strings.HasPrefix(p, tr.kind) }), nil
}

// dieAt does a transition with the server killed at a point, and checks the world.
// Afterwards a service that a create made is deleted: a world that grows slows
// down the rest.
func (l *lab) dieAt(tr transition, point string) error {
	name, err := tr.begin(l)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	l.Arm(point)
	err = tr.do(l, name)
	if died := l.diedWithin(3 * time.Second); !died && err == nil {
		return fmt.Errorf("the point was not passed")
	}
	if err == nil {
		err = l.check()
	}
	if err == nil && (tr.name == "create" || tr.name == "adopt") {
		err = l.remove(name)
	}
	return err
}

// diedWithin reports whether the server died where it was armed to. The last point
// of a run is passed after it is done.
func (l *lab) diedWithin(d time.Duration) bool {
	for deadline := time.Now().Add(d); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if !l.Armed() {
			return true
		}
	}
	return l.Disarm()
}
