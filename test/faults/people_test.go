package faults_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/test/faultproxy"
	"github.com/pave-platform/pave/test/githost/gitea"
)

// A token is revoked in the midst of a create: the run stops, says so and what to do; bound
// again and retried it comes to its end, with one repository.
func TestTokenRevoked(t *testing.T) {
	t.Parallel()
	real(t)
	l := newLab(t)
	l.gitProxy.On(makes, 0, faultproxy.Refuse())
	run, err := l.Create(l.Fixture("shop", team, "none"))
	if err != nil {
		t.Fatal(err)
	}
	l.await("the host is called", func() bool { return len(l.gitProxy.Calls(makes)) > 0 })
	l.git.Grant(l.git.Token, gitea.User{Login: "ann", Scopes: []string{}}) // it may do nothing any more
	l.gitProxy.On("*", 0, faultproxy.Status(http.StatusUnauthorized, ""))
	ended, err := l.Ended(run)
	if err != nil || ended.State != pave.RunStopped {
		t.Fatalf("the run is %s, %v", ended.State, err)
	}
	want := "pave bind default repository gitea --secret token"
	if reason, hint := l.told(run); !strings.Contains(reason, "does not know the token") || !strings.Contains(hint, want) {
		t.Errorf("it stopped: %s; its hint %q does not say %s", reason, hint, want)
	}
	out, err := l.Command(t.Context(), "watch", run)
	if err == nil || !strings.Contains(out, want) {
		t.Errorf("pave watch does not say %s: %v: %s", want, err, out)
	}
	l.gitProxy.Clear()
	l.git.Grant("pvcnry-new-token", gitea.User{Login: "ann", Create: true})
	l.bind("pvcnry-new-token")
	l.pave("retry", run)
	l.done(run, nil)
	if names := l.git.Names(); !slices.Equal(names, []string{"shop"}) {
		t.Errorf("on the host are %v", names)
	}
}

// A message of the host that is lost, late or comes twice does no harm: the commit is built
// once.
func TestMessages(t *testing.T) {
	t.Parallel()
	real(t)
	l := newLab(t)
	l.done(l.Create(l.Fixture("shop", team, "none")))
	remote := func() string {
		return strings.Replace(l.git.URL, "http://", "http://pave:"+l.git.Token+"@", 1) + "/" + l.git.Org + "/shop.git"
	}
	for i, way := range []string{"lost", "late", "twice"} {
		l.hookWay.Clear()
		l.hookWay.On("*", 0, map[string]faultproxy.Fault{"lost": faultproxy.Refuse(), "late": faultproxy.Delay(5 * time.Second),
			"twice": faultproxy.After(faultproxy.Pass())}[way])
		commit, err := l.CommitTo(remote, map[string]string{"note.txt": way})
		if err == nil {
			_, err = l.Built("shop", commit)
		}
		if err != nil {
			t.Fatalf("a message %s: %v", way, err)
		}
		if got := len(l.hookWay.Calls("*")); got == 0 {
			t.Errorf("a message %s: the host sent none", way)
		}
		time.Sleep(2 * time.Second) // one that comes twice, or late
		runs, err := l.Runs("shop", "pipeline")
		if err != nil || len(runs) != i+2 {
			t.Errorf("after a message %s there are %d pipelines for %d commits, %v", way, len(runs), i+2, err)
		}
	}
}

// A repository that somebody deleted on the host is missed, and made again of the copy here.
func TestDeletedByHand(t *testing.T) {
	t.Parallel()
	real(t)
	l := newLab(t)
	l.done(l.Create(l.Fixture("shop", team, "none")))
	l.git.World().Do(t, "DELETE", "repos/"+l.git.Org+"/shop", nil)
	began := time.Now()
	l.Patience = 12 * time.Minute
	gone := func() bool {
		repos, err := l.resources("shop", pave.KindRepository)
		return err == nil && len(repos) == 1 && slices.Contains(repos[0].Drift, "it is gone")
	}
	l.KillServer() // the next one looks at once
	l.Up()
	l.await("the repository is missed", gone)
	t.Logf("missed after %s", time.Since(began).Round(100*time.Millisecond))
	l.pave("heal", "shop", "--yes")
	if names := l.git.Names(); !slices.Equal(names, []string{"shop"}) {
		t.Fatalf("healed, the host has %v", names)
	}
	here, err := os.ReadDir(filepath.Join(l.git.Dir("shop"), "refs", "heads"))
	if err != nil || len(here) == 0 {
		t.Errorf("healed, the repository has no branch: %v", err)
	}
	if repos, err := l.resources("shop", pave.KindRepository); err != nil || len(repos) != 1 || len(repos[0].Drift) > 0 {
		t.Errorf("healed, the journal has %+v, %v", repos, err)
	}
}
