package release

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func TestReleases(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		db := open()
		ctx, dir := t.Context(), t.TempDir()
		s := New(db, filepath.Join(dir, "releases"))
		if _, err := s.Find(ctx, "svc_1", ""); pave.CodeOf(err) != pave.NotFound {
			t.Errorf("nothing was built: %v", err)
		}
		add := func(n int) pave.Release {
			tree := filepath.Join(dir, fmt.Sprint("tree", n))
			if err := os.MkdirAll(tree, 0o755); err != nil {
				t.Fatal(err)
			}
			want := pave.Release{Service: "svc_1", Commit: fmt.Sprintf("%07d%033d", n, 0), Command: []string{"bin/app"}, Ready: "/r", Run: fmt.Sprint("run_", n)}
			r, err := s.Add(ctx, want, tree)
			if err != nil || r.Number != n {
				t.Fatalf("release %d: %+v, %v", n, r, err)
			}
			again, err := s.Add(ctx, want, tree) // a crash after the tree was moved
			if err != nil || again.ID != r.ID {
				t.Fatalf("the same run builds the same release: %+v, %v", again, err)
			}
			return r
		}
		var all []pave.Release
		for n := 1; n <= Keep+3; n++ {
			all = append(all, add(n))
		}
		bring := func(run string, env pave.Name, r pave.Release, done bool) {
			err := db.Tx(ctx, func(tx *store.Tx) error { return s.Begin(ctx, tx, run, "run_parent", "svc_1", env, r.ID, "") })
			if err == nil && done {
				err = s.End(ctx, run)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		bring("run_a", "staging", all[0], true)
		bring("run_b", "staging", all[1], true)
		bring("run_c", "staging", all[2], false) // it did not become ready
		live, err := s.Live(ctx, "svc_1")
		if err != nil || live["staging"].ID != all[1].ID || len(live) != 1 {
			t.Errorf("the last release that served is live: %v, %v", live, err)
		}
		if roll, err := s.RolloutOf(ctx, "run_b"); err != nil || roll.Before != all[0].ID || roll.Release != all[1].ID {
			t.Errorf("a rollout knows what was before: %+v, %v", roll, err)
		}
		for number, want := range map[int]int{2: 1, 99: 2, 1: 0} {
			r, err := s.Before(ctx, "svc_1", "staging", number)
			if r.Number != want || (want == 0) != (pave.CodeOf(err) == pave.NotFound) {
				t.Errorf("before %d: %d, %v; want %d", number, r.Number, err, want)
			}
		}
		starts := func(run, start string, done bool) string {
			err := db.Tx(ctx, func(tx *store.Tx) error { return s.Begin(ctx, tx, run, "", "svc_1", "staging", all[1].ID, start) })
			if err == nil && done {
				err = s.End(ctx, run)
			}
			got, err2 := s.Starts(ctx, "svc_1")
			if err != nil || err2 != nil {
				t.Fatal(err, err2)
			}
			return got["staging"]
		}
		for _, tc := range []struct {
			run, start string
			done       bool
			want       string
		}{{"run_d", "run_d", false, ""}, {"run_e", "run_e", true, "run_e"}, {"run_f", "run_f", false, "run_e"}} {
			if got := starts(tc.run, tc.start, tc.done); got != tc.want {
				t.Errorf("%s: what serves was started by %q, want %q", tc.run, got, tc.want)
			}
		}
		for name, want := range map[string]int{"": Keep + 3, "2": 2, all[3].ID: 4, all[4].Commit[:7]: 5} {
			if r, err := s.Find(ctx, "svc_1", name); err != nil || r.Number != want {
				t.Errorf("%q: %+v, %v; want %d", name, r, err, want)
			}
		}
		for _, name := range []string{"99", "-1", "x", "rel_"} {
			if _, err := s.Find(ctx, "svc_1", name); pave.CodeOf(err) != pave.Invalid {
				t.Errorf("%q: %v, want Invalid", name, err)
			}
		}
		if err := s.Prune(ctx, "svc_1"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Find(ctx, "svc_1", "1"); pave.CodeOf(err) != pave.Conflict {
			t.Errorf("an old release is no longer kept: %v", err)
		}
		for _, kept := range []string{"2", fmt.Sprint(Keep + 3)} {
			if _, err := s.Find(ctx, "svc_1", kept); err != nil {
				t.Errorf("release %s is live or new: %v", kept, err)
			}
		}
	})
}
