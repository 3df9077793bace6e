package git

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
)

// One branch beyond the bounds stops no other work: main goes on, the reason is told, and
// the branch is not brought again and again.
func TestFollowMainAlone(t *testing.T) {
	t.Parallel()
	h := serve(t)
	requests := 0
	client := &http.Client{Transport: counted{basic("writer"), &requests}}
	mirror, _ := create(t, sample())
	f := follower{h.base, mirror, func(context.Context) error { return nil }, historyBounds}
	f.max.object = 100_000
	work := filepath.Join(t.TempDir(), "work")
	must(t, t.TempDir(), "clone", "-q", h.url, work)
	push := func(branch, file string, size int) {
		t.Helper()
		must(t, work, "checkout", "-qB", branch)
		commit(t, work, file, size)
		must(t, work, "push", "-qf", "origin", branch)
		must(t, work, "checkout", "-q", "main")
	}
	follow := func(want bool) {
		t.Helper()
		if changed, err := f.follow(t.Context(), client); err != nil || changed != want {
			t.Fatalf("Follow: %v, %v, want %v", changed, err, want)
		}
		if got, want := must(t, mirror, "rev-parse", "main"), must(t, h.repo, "rev-parse", "main"); got != want {
			t.Fatalf("main is at %s, on the host at %s", got, want)
		}
	}
	told := func(want string) {
		t.Helper()
		if got := Unfollowed(mirror); want == "" && got != "" || !strings.Contains(got, want) {
			t.Fatalf("it says %q, want %q", got, want)
		}
	}
	push("idea", "small", 10)
	push("main", "one", 10)
	follow(true)
	told("")

	push("huge", "large", 200_000)
	push("main", "two", 10)
	follow(true)
	told("only main is followed")
	told("more than")
	requests = 0
	follow(false)
	if requests > 2 { // it asks where the branches are, and brings nothing
		t.Errorf("%d requests for what is known to be too much", requests)
	}
	push("idea", "more", 10) // is left out too
	push("main", "three", 10)
	follow(true)
	if got, want := must(t, mirror, "rev-parse", "idea"), must(t, h.repo, "rev-parse", "idea"); got == want {
		t.Error("a branch was followed that is said to be not")
	}
	was := f.left()
	was.At = time.Now().Add(-2 * lookAgain)
	if err := f.setLeft(was); err != nil {
		t.Fatal(err)
	}
	follow(false) // other branches are elsewhere by now: it looks again, and it is still too much
	if now := f.left(); !now.At.After(was.At) {
		t.Error("it did not look again")
	}

	must(t, work, "push", "-q", "origin", ":huge")
	if err := f.setLeft(was); err != nil {
		t.Fatal(err)
	}
	follow(true)
	told("")
	if got, want := must(t, mirror, "for-each-ref", "refs/heads"), must(t, h.repo, "for-each-ref", "refs/heads"); got != want {
		t.Errorf("the mirror has\n%sthe host\n%s", got, want)
	}

	push("main", "huge too", 200_000) // main itself is no less an error than before
	if _, err := f.follow(t.Context(), client); pave.CodeOf(err) != pave.Invalid {
		t.Errorf("main beyond the bounds: %v", err)
	}
	told("")
}

// counted counts what goes through.
type counted struct {
	http.RoundTripper
	n *int
}

// RoundTrip does one request of a client.
func (c counted) RoundTrip(r *http.Request) (*http.Response, error) {
	*c.n++
	return c.RoundTripper.RoundTrip(r)
}
