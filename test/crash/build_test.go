package crash_test

import (
	"slices"
	"testing"
	"time"

	"github.com/pave-platform/pave/test/world"
)

// Twelve points of a create with the template people use: a real build and its
// tests run as jobs meanwhile. The first create fills the caches.
func TestRealBuilds(t *testing.T) {
	long(t)
	r := dice(t)
	l := newLab(t, r)
	l.Patience = 10 * time.Minute
	tr := transition{name: "create", begin: fresh, do: func(l *lab, name string) error {
		spec := world.Spec{Name: name, Team: teamName(r), Template: "go-http", Environments: []string{"staging"}, Database: "postgresql"}
		if _, err := l.finish(l.Create(spec)); err != nil {
			return err
		}
		l.change(name, func(s *world.Service) { s.Database = true })
		return nil
	}}
	began := time.Now()
	points, err := enumerate(l, tr)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("cold build: %s, %d points", time.Since(began).Round(time.Second), len(points))
	r.Shuffle(len(points), func(i, j int) { points[i], points[j] = points[j], points[i] })
	// Jobs are what the fixture does not have: half of the points are theirs.
	jobs := slices.DeleteFunc(slices.Clone(points), func(p string) bool { return p[:9] != "pipeline/" })
	rest := slices.DeleteFunc(points, func(p string) bool { return p[:9] == "pipeline/" })
	for _, point := range append(jobs[:6], rest[:6]...) {
		began := time.Now()
		if err := l.dieAt(tr, point); err != nil {
			t.Fatalf("killed at %s: %v", point, err)
		}
		t.Logf("%-50s %s", point, time.Since(began).Round(time.Millisecond))
	}
}
