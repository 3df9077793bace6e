package gitea

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/resource"
	fake "github.com/pave-platform/pave/test/githost/gitea"
)

// A topic is no proof: who makes a repository anew under a name that became free, with the
// topic of ours, is found out by the server's own id.
func TestMadeAnew(t *testing.T) {
	everywhere(t, func(t *testing.T, w fake.World) {
		d, next := driver(t, w)
		r, ctx := next(), t.Context()
		mirror := filepath.Join(d.Mirror.Dir, r.ExternalID+".git")
		known := func() string {
			t.Helper()
			id, err := git.Note(mirror, "host-id")
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		apply := func() {
			t.Helper()
			if st, err := d.Apply(ctx, r); err != nil || !st.Ready {
				t.Fatalf("%+v, %v", st, err)
			}
		}
		other := next() // has a commit that ours has not
		if _, err := d.Apply(ctx, other); err != nil {
			t.Fatal(err)
		}
		path := "repos/" + w.Org + "/" + r.ExternalID
		apply()
		first := known()
		if first == "" {
			t.Fatal("the mirror does not know the repository")
		}

		// One that was made before mirrors knew is known by its topic, and learned.
		if err := git.SetNote(mirror, "host-id", ""); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Observe(ctx, r); err != nil {
			t.Errorf("without the note: %v", err)
		}
		if _, err := d.Follow(ctx, r); err != nil || known() != first {
			t.Errorf("Follow learned %q, want %q: %v", known(), first, err)
		}

		w.Do(t, "DELETE", path, nil)
		if status, out := w.Do(t, "POST", "orgs/"+w.Org+"/repos", map[string]any{"name": r.ExternalID, "default_branch": "main"}); status != 201 {
			t.Fatalf("%d %v", status, out)
		}
		url, client, err := openHost(t, w).Git(ctx, r.ExternalID)
		if err == nil {
			err = git.Push(ctx, client, url, filepath.Join(d.Mirror.Dir, other.ExternalID+".git"), git.MainBranch)
		}
		if err != nil {
			t.Fatal(err)
		}
		mark := "pave-" + strings.ToLower(strings.ReplaceAll(r.ID, "_", "-"))
		if status, out := w.Do(t, "PUT", path+"/topics", map[string]any{"topics": []string{mark}}); status != 204 {
			t.Fatalf("%d %v", status, out)
		}
		theirs := seen(t, w, r.ExternalID)
		_, err = d.Observe(ctx, r)
		wantCode(t, "Observe", err, pave.Conflict)
		if !strings.Contains(err.Error(), "is another one than this service had") || pave.HintOf(err) == "" {
			t.Errorf("Observe: %v, next %q", err, pave.HintOf(err))
		}
		_, err = d.Apply(ctx, r)
		wantCode(t, "Apply", err, pave.Conflict)
		_, err = d.Follow(ctx, r)
		wantCode(t, "Follow", err, pave.Conflict)
		wantCode(t, "SetAside", d.SetAside(ctx, r), pave.Conflict)
		if now := seen(t, w, r.ExternalID); now != theirs || known() != first {
			t.Errorf("theirs was\n%sand is\n%s", theirs, now)
		}

		// Out of the way, it is made again, and is the one that is known.
		w.Do(t, "DELETE", path, nil)
		apply()
		if now := known(); now == "" || now == first {
			t.Errorf("the mirror knows %q", now)
		}
		for range 2 {
			if err := d.SetAside(ctx, r); err != nil {
				t.Fatal(err)
			}
			if st, err := d.Observe(ctx, r); err != nil || st.Reason != "set aside" {
				t.Errorf("set aside: %+v, %v", st, err)
			}
			apply()
		}
		if err := d.Delete(ctx, r); err != nil {
			t.Error(err)
		}
		_, err = d.Observe(ctx, r)
		wantCode(t, "Observe of nothing", err, pave.NotFound)
	})
}

// TestBranchesLeftOut: a repository of which only main is followed serves, and says so.
func TestBranchesLeftOut(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	s.AddTeam("squad", "write")
	d, next := driver(t, s.World())
	r := next()
	if _, err := d.Apply(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if err := git.SetNote(filepath.Join(d.Mirror.Dir, r.ExternalID+".git"), "unfollowed", `{"reason":"more than 512 MiB"}`); err != nil {
		t.Fatal(err)
	}
	st, err := d.Observe(t.Context(), r)
	if want := (resource.State{Ready: true, Reason: "only main is followed, for what other branches bring is too much: more than 512 MiB"}); err != nil || st.Ready != want.Ready || st.Reason != want.Reason {
		t.Errorf("%+v, %v", st, err)
	}
}
