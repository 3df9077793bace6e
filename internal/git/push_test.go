package git

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pave-platform/pave"
)

// A mirror pushes its first commit to an empty host, follows what people do there, and
// never takes anything of theirs away.
func TestPushAndFollow(t *testing.T) {
	t.Parallel()
	h := serve(t)
	mirror, _ := create(t, sample()) // another commit of the same files
	must(t, h.repo, "update-ref", "-d", "refs/heads/main")
	as := func(user string) *http.Client { return &http.Client{Transport: basic(user)} }
	foreign := pave.Errorf(pave.Conflict, "another repository")
	right := func(context.Context) error { return nil }
	follow := func(want bool) {
		t.Helper()
		if changed, err := Follow(t.Context(), as("reader"), h.base, mirror, right); err != nil || changed != want {
			t.Fatalf("Follow: %v, %v, want %v", changed, err, want)
		}
	}
	follow(false) // nothing is there, and main stays
	for range 2 {
		if err := Push(t.Context(), as("writer"), h.base, mirror, MainBranch); err != nil {
			t.Fatal(err)
		}
	}
	first := must(t, mirror, "rev-parse", "main")
	if got := must(t, h.repo, "rev-parse", "main"); got != first {
		t.Fatalf("pushed %s, there is %s", first, got)
	}
	follow(false)

	work := filepath.Join(t.TempDir(), "work")
	must(t, t.TempDir(), "clone", "-q", h.url, work)
	commit(t, work, "one", 4000)
	must(t, work, "branch", "idea")
	must(t, work, "push", "-q", "origin", "main", "idea")
	right = func(context.Context) error { return foreign }
	if changed, err := Follow(t.Context(), as("reader"), h.base, mirror, right); changed || pave.CodeOf(err) != pave.Conflict || must(t, mirror, "rev-parse", "main") != first {
		t.Errorf("Follow of what is not meant: %v, %v, main is at %s", changed, err, must(t, mirror, "rev-parse", "main"))
	}
	right = func(context.Context) error { return nil }
	follow(true)
	follow(false)
	same := func(what string) {
		t.Helper()
		got, want := must(t, mirror, "for-each-ref", "refs/heads"), must(t, h.repo, "for-each-ref", "refs/heads")
		if got != want {
			t.Errorf("%s: the mirror has\n%sthe host\n%s", what, got, want)
		}
		must(t, mirror, "fsck", "--strict", "--connectivity-only")
	}
	same("after a push")
	must(t, work, "push", "-q", "origin", ":idea")
	must(t, work, "push", "-q", "origin", "main:idea/two")
	follow(true)
	same("after a branch became a folder of branches")
	must(t, work, "push", "-q", "origin", ":idea/two")
	must(t, work, "push", "-q", "origin", "main:idea")
	follow(true)
	same("and a branch again")
	err := Push(t.Context(), as("writer"), h.base, mirror, MainBranch)
	if err != nil {
		t.Errorf("Push of what is there: %v", err)
	}

	// The mirror is behind, ahead, and beside.
	commit(t, work, "two", 10)
	must(t, work, "push", "-q", "origin", "main")
	if err := Push(t.Context(), as("writer"), h.base, mirror, MainBranch); pave.CodeOf(err) != pave.Conflict {
		t.Errorf("Push of what is behind: %v", err)
	}
	must(t, work, "reset", "-q", "--hard", "HEAD~2")
	commit(t, work, "other", 10)
	must(t, work, "push", "-qf", "origin", "main")
	must(t, work, "push", "-q", "origin", ":idea")
	follow(true)
	same("after history was written anew and a branch deleted")
	ahead := filepath.Join(t.TempDir(), "ahead")
	must(t, t.TempDir(), "clone", "-q", h.url, ahead)
	commit(t, ahead, "three", 10)
	must(t, mirror, "fetch", "-q", filepath.Join(ahead, ".git"), "main:main")
	if err := Push(t.Context(), as("writer"), h.base, mirror, MainBranch); err != nil {
		t.Errorf("Push of what is ahead: %v", err)
	}
	same("after a second push")
}

func TestPushRefused(t *testing.T) {
	t.Parallel()
	h := serve(t)
	mirror, _ := create(t, sample())
	must(t, h.repo, "update-ref", "-d", "refs/heads/main")
	h.hook(t, "pre-receive", `echo "only by review"; exit 1`)
	for _, bad := range []struct {
		url, user string
		code      pave.Code
		text      string
	}{
		{h.base, "writer", pave.Denied, "does not take the push"},
		{h.base, "reader", pave.Denied, "does not let the binding push"},
		{h.base, "nobody", pave.Denied, "does not let the binding push"},
		{strings.Replace(h.base, "pay", "pal", 1), "writer", pave.NotFound, "no repository"},
		{"http://127.0.0.1:1/x.git", "writer", pave.Unavailable, "push to"},
		{"ssh://git@host/x.git", "writer", pave.Invalid, ""},
	} {
		err := Push(t.Context(), &http.Client{Transport: basic(bad.user)}, bad.url, mirror, MainBranch)
		if pave.CodeOf(err) != bad.code || !strings.Contains(err.Error(), bad.text) {
			t.Errorf("%s as %s: %v", bad.url, bad.user, err)
		}
	}
}
