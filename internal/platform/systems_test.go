package platform

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/store/storetest"
	"github.com/pave-platform/pave/internal/workflow"
)

func TestSystemOf(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct{ provider, spec string }{
		thisMachine:                        {"git", `{"service": "shop"}`},
		"gitea https://git.example.com":    {"gitea", `{"binding": {"settings": {"url": "https://git.example.com/", "org": "acme"}}}`},
		"vault https://vault.example:8200": {"vault", `{"binding": {"settings": {"address": "https://vault.example:8200"}}}`},
		"github":                           {"github", `{"binding": {"settings": {"org": "acme"}}}`},
		"terraform of database staging":    {"terraform", `{"module": {"digest": "x"}}`},
		"hcp-terraform https://hcp.example": {"hcp-terraform",
			`{"module": {"digest": "x", "backend": {"type": "hcp-terraform", "config": {"url": "https://hcp.example", "org": "acme"}}}}`},
	} {
		rec := resource.Record{Provider: c.provider, Spec: json.RawMessage(c.spec), Ref: pave.Ref{Kind: pave.KindDatabase, Env: "staging"}}
		if got := systemOf(rec); got != want {
			t.Errorf("%s %s is in %q, want %q", c.provider, c.spec, got, want)
		}
	}
}

// A system that does not answer is asked after pauses that grow, up to a bound; an answer of
// any kind ends that.
func TestSilence(t *testing.T) {
	t.Parallel()
	silence, refusal := pave.Errorf(pave.Unavailable, "git.example.com does not answer"), pave.Errorf(pave.Denied, "no")
	synctest.Test(t, func(t *testing.T) {
		s := &system{name: "gitea https://git.example.com"}
		for _, answer := range []error{nil, refusal} {
			for i, pause := range []time.Duration{0, 0, 30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 5 * time.Minute, 5 * time.Minute} {
				s.saw(silence)
				if s.silent() != (pause > 0) {
					t.Errorf("after call %d it is silent: %v", i, s.silent())
				}
				if c, ok := s.check(); ok != (pause > 0) || ok && (c.OK || !strings.Contains(c.Detail, "git.example.com does not answer")) {
					t.Errorf("after call %d the doctor says %+v", i, c)
				}
				if time.Sleep(pause - time.Second); pause > 0 && !s.silent() {
					t.Errorf("after call %d it is asked within %s", i, pause)
				}
				if time.Sleep(time.Second); s.silent() {
					t.Errorf("after call %d it is not asked after %s", i, pause)
				}
			}
			s.saw(answer)
			if _, ok := s.check(); ok || s.silent() {
				t.Errorf("it answered %v and is silent", answer)
			}
		}
		s.saw(pave.Errorf(pave.Unavailable, "no calls for now: %w", pave.Later{At: time.Now().Add(time.Minute)}))
		time.Sleep(time.Minute - time.Second)
		if _, ok := s.check(); ok || !s.silent() {
			t.Error("one that said when to come again is asked before, or said to be silent")
		}
		if time.Sleep(2 * time.Second); s.silent() {
			t.Error("one that said when to come again is not asked then")
		}
		here := &system{name: thisMachine}
		for range 2 * silentCalls {
			here.saw(silence)
		}
		if here.silent() {
			t.Error("this machine is left alone")
		}
	})
}

// A place is a git host for tests, and all repositories on it.
type place struct {
	hold    chan struct{} // nil: it answers; else it says nothing until this is closed
	refuses string        // commit that it takes no status of
	breaks  string        // begins the names of repositories of which it takes none

	mu       sync.Mutex
	observed int
	followed []string
	told     []string
}

func (h *place) Observe(context.Context, resource.Resource) (resource.State, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.observed++
	if h.hold != nil {
		return resource.State{}, pave.Errorf(pave.Unavailable, "the host does not answer")
	}
	return resource.State{Ready: true}, nil
}

func (*place) Apply(context.Context, resource.Resource) (resource.State, error) {
	return resource.State{Ready: true}, nil
}

func (*place) Delete(context.Context, resource.Resource) error { return nil }

func (h *place) Follow(ctx context.Context, r resource.Resource) (bool, error) {
	h.mu.Lock()
	h.followed = append(h.followed, r.ExternalID)
	h.mu.Unlock()
	if h.hold == nil {
		return false, nil
	}
	select {
	case <-h.hold:
	case <-ctx.Done():
	}
	return false, pave.Errorf(pave.Unavailable, "the host does not answer")
}

func (h *place) Tell(_ context.Context, r resource.Resource, commit string, s pave.CommitStatus) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.breaks != "" && strings.HasPrefix(r.ExternalID, h.breaks) {
		return pave.Errorf(pave.Unavailable, "the host answers 500")
	}
	h.told = append(h.told, strings.Join([]string{commit, s.Context, s.State}, " "))
	if commit == h.refuses {
		return pave.Errorf(pave.Conflict, "no commit %s", commit)
	}
	return nil
}

// take returns what it was told since the last look, sorted.
func (h *place) take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := h.told
	h.told = nil
	slices.Sort(out)
	return out
}

// looks are the repositories it was asked for, in order.
func (h *place) looks() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.followed)
}

type (
	nothingPushed struct{ Repositories }
	addresses     struct{ Addresses }
)

func (nothingPushed) Head(context.Context, string) (string, error)        { return "c1", nil }
func (nothingPushed) Tree(context.Context, string, string) (fs.FS, error) { return nil, fs.ErrNotExist }
func (addresses) Run(id string) string                                    { return "http://pave/runs/" + id }

// looked is a platform with services whose repositories are at places, by provider.
type looked struct {
	*Platform
	t *testing.T
}

func newLooked(t *testing.T, places map[string]*place) looked {
	t.Helper()
	db := storetest.Open(t, "sqlite:"+t.TempDir()+"/pave.db")
	drivers := resource.Drivers{}
	for name, at := range places {
		drivers.Add(pave.KindRepository, name, at)
		drivers.Add(pave.KindPipeline, name, at)
	}
	log := slog.New(slog.DiscardHandler)
	return looked{&Platform{Deps: Deps{DB: db, Access: access.New(db), Repositories: nothingPushed{}, Addresses: addresses{}, Log: log,
		Engine: workflow.New(db, workflow.Options{}), Resources: resource.NewController(db, nil, drivers, log)}}, t}
}

func (p looked) exec(query string, args ...any) {
	p.t.Helper()
	if _, err := p.DB.Exec(p.t.Context(), query, args...); err != nil {
		p.t.Fatal(err)
	}
}

// add makes a service with a repository; its commit c1 was built.
func (p looked) add(uid int, name, provider string) pave.Service {
	p.t.Helper()
	id := "svc_" + name
	p.exec(`INSERT INTO services (id, name, team, uid, revision, last_run, created, deleted, kept_until) VALUES ($1, $2, 'web', $3, 1, '', 1, 0, 0)`, id, name, uid)
	p.exec(`INSERT INTO revisions (service, number, wanted, run, actor, created) VALUES ($1, 1, '{}', '', '', 1)`, id)
	p.resource(id, repositoryRef(pave.Name(name)), provider)
	p.pipeline(id, "c1")
	return pave.Service{ID: id, Name: pave.Name(name)}
}

func (p looked) resource(service string, ref pave.Ref, provider string) {
	p.t.Helper()
	p.exec(`INSERT INTO resources (id, service, ref, kind, provider, external_id, state, spec, outputs, secrets, secret_keys, version, ready, reason, observed, run, actor, created, kept_until)
		VALUES ($1, $2, $3, $4, $5, $6, 'present', $7, '{}', '', '[]', '', 1, '', 0, '', '', 1, 0)`,
		pave.NewID("res"), service, ref.String(), ref.Kind, provider, ref.Name, `{"binding": {"settings": {"url": "https://`+provider+`.example.com"}}}`)
}

func (p looked) pipeline(service, commit string) (run string) {
	p.t.Helper()
	r, err := p.Engine.Start(p.t.Context(), workflow.Start{Kind: pave.RunPipeline, Service: service, Input: pipelineInput{commit},
		Steps: []workflow.StepSpec{{Key: "build", Handler: "none"}}})
	if err != nil {
		p.t.Fatal(err)
	}
	return r.ID
}

func (p looked) end(run string, state pave.RunState, ago time.Duration) {
	p.t.Helper()
	p.exec(`UPDATE runs SET state = $1, ended = $2 WHERE id = $3`, string(state), time.Now().Add(-ago).UnixMicro(), run)
}

// A system that says nothing keeps no other one waiting, is looked at once at a time, and
// then left alone.
func TestOneSystemIsSilent(t *testing.T) {
	t.Parallel()
	mute, well := &place{hold: make(chan struct{})}, &place{}
	p := newLooked(t, map[string]*place{"mute": mute, "well": well})
	for i := range 5 {
		p.add(70000+i, fmt.Sprintf("a%d", i), "mute")
	}
	p.add(70100, "shop", "well")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 3 {
		if err := p.lookAround(ctx); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the other system is looked at", func() bool { return len(well.looks()) == 1 && len(well.take()) == 1 })
	until(t, "the silent one is asked", func() bool { return len(mute.looks()) > 0 })
	if asked := mute.looks(); len(asked) != 1 {
		t.Errorf("a system that did not answer yet was asked for %v", asked)
	}
	close(mute.hold)
	p.lanes.wait()
	if asked := mute.looks(); len(asked) != silentCalls {
		t.Errorf("a system that does not answer was asked for %v", asked)
	}
	if checks := p.systems.checks(); len(checks) != 1 || !strings.Contains(checks[0].Name, "mute https://mute.example.com") {
		t.Errorf("the doctor says %+v", checks)
	}
	if err := p.lookAround(ctx); err != nil {
		t.Fatal(err)
	}
	p.lanes.wait()
	if asked := mute.looks(); len(asked) != silentCalls || len(mute.take()) > 0 {
		t.Errorf("a system that is left alone was asked for %v", asked)
	}
}

// Who asks for a service waits once for a system that does not answer, whatever is in it;
// that it answers is known from then on.
func TestStatusOfSilentSystem(t *testing.T) {
	t.Parallel()
	host := &place{hold: make(chan struct{})}
	p := newLooked(t, map[string]*place{"host": host})
	svc := p.add(70000, "shop", "host")
	p.end(p.pipeline(svc.ID, "c2"), pave.RunDone, 0)
	for _, env := range []pave.Name{"production", "staging"} {
		p.resource(svc.ID, pave.Ref{Kind: pave.KindPipeline, Env: env, Service: svc.Name, Name: "shop"}, "host")
	}
	look := func() (reasons []string) {
		t.Helper()
		seen, err := p.observed(t.Context(), svc.ID)
		if err != nil || len(seen) != 3 {
			t.Fatalf("seen %+v, %v", seen, err)
		}
		for _, r := range seen {
			reasons = append(reasons, r.Reason)
		}
		slices.Sort(reasons)
		return reasons
	}
	for range silentCalls {
		host.observed = 0
		silence := "the host does not answer"
		if got := look(); host.observed != 1 || !slices.Equal(got, []string{"not looked at: " + silence, "not looked at: " + silence, silence}) {
			t.Errorf("%d calls, and it says %q", host.observed, got)
		}
	}
	s := p.systems.named("host https://host.example.com")
	if s.silent() {
		t.Error("upkeep leaves a system alone because people had no answer, who may have hung up")
	}
	for range silentCalls {
		s.saw(pave.Errorf(pave.Unavailable, "silence"))
	}
	host.hold = nil
	if got := look(); s.silent() || !slices.Equal(got, []string{"", "", ""}) {
		t.Errorf("there again (silent: %v), it says %q", s.silent(), got)
	}
}

// Repositories that a host says nothing of keep it from no other one of it.
func TestSomeRepositoriesAreBroken(t *testing.T) {
	t.Parallel()
	host := &place{breaks: "bad"}
	p := newLooked(t, map[string]*place{"host": host})
	for i := range silentCalls + 1 {
		bad := p.add(70000+i, fmt.Sprintf("bad%d", i), "host")
		for n := range 5 {
			p.end(p.pipeline(bad.ID, fmt.Sprintf("c%d", n)), pave.RunDone, 0)
		}
	}
	p.add(70100, "shop", "host")
	s := p.systems.named("host https://host.example.com")
	told := []string{}
	for range 3 { // pauses in which nothing is asked are over
		if err := p.lookAround(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.lanes.wait()
		told = append(told, host.take()...)
		s.mu.Lock()
		s.until = time.Time{}
		s.mu.Unlock()
		p.looked.last = nil
	}
	if len(told) != 1 || s.drifted.IsZero() {
		t.Errorf("the host was told %q of the other repository; looked for drift: %v", told, !s.drifted.IsZero())
	}
}

// What upkeep began does not outlive it, whatever a system does.
func TestNothingOutlivesUpkeep(t *testing.T) {
	t.Parallel()
	mute := &place{hold: make(chan struct{})}
	p := newLooked(t, map[string]*place{"mute": mute})
	p.add(70000, "shop", "mute")
	ctx, cancel := context.WithCancel(t.Context())
	if err := p.lookAround(ctx); err != nil {
		t.Fatal(err)
	}
	until(t, "the system is asked", func() bool { return len(mute.looks()) > 0 })
	cancel()
	p.lanes.wait() // would hang, and the test with it
}

// Every commit ends with its status: the host is told of each run that changed, once, of the
// newest run of a commit, and whatever it says to another one.
func TestTell(t *testing.T) {
	t.Parallel()
	host := &place{refuses: "c2"}
	p := newLooked(t, map[string]*place{"host": host})
	svc := p.add(70000, "shop", "host")
	s := p.systems.named("host https://host.example.com")
	tell := func(fails bool, want ...string) {
		t.Helper()
		if err := p.tell(t.Context(), s, svc); (err != nil) != fails {
			t.Errorf("told: %v", err)
		}
		if got := host.take(); !slices.Equal(got, want) {
			t.Errorf("told\n%q\nwant\n%q", got, want)
		}
	}
	tell(false, "c1 pave/pipeline pending")
	var runs []string
	for _, commit := range []string{"c0", "c2", "c3", "c4", "c4"} {
		runs = append(runs, p.pipeline(svc.ID, commit))
	}
	p.end(runs[0], pave.RunDone, 25*time.Hour)
	p.end(runs[1], pave.RunDone, 0)
	p.end(runs[2], pave.RunStopped, 0)
	p.end(runs[3], pave.RunStopped, 0)
	first, err := p.Engine.List(t.Context(), workflow.Filter{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	p.end(first[5].ID, pave.RunDone, time.Hour)
	tell(true, "c1 pave/pipeline success", "c2 pave/pipeline success", "c3 pave/pipeline failure", "c4 pave/pipeline pending")
	tell(false) // what was refused is tried again in a minute
	p.end(runs[4], pave.RunDone, 0)
	tell(false, "c4 pave/pipeline success")
	tell(false)
	p.looked.last = nil
	tell(true, "c2 pave/pipeline success")
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in a minute not: %s", what)
		}
	}
}
