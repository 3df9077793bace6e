package crash_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store/storetest"
	"github.com/pave-platform/pave/test/world"
)

// A storage is the PostgreSQL that holds the stores of labs.
type storage struct {
	*storetest.Server
	homes int
}

func newStorage(t *testing.T) *storage { return &storage{Server: storetest.NewServer(t)} }

// lab makes a lab whose store is in a database of its own.
func (s *storage) lab(t *testing.T, r *rand.Rand, env ...string) *lab {
	s.homes++
	return newLab(t, r, append(env, "PAVE_STORE_URL="+s.Database(t, fmt.Sprintf("pave%d", s.homes)))...)
}

// The life of a service with the store in PostgreSQL, and a kill in the middle;
// as the user of the tests, and as one without rights.
func TestLifeOnPostgreSQL(t *testing.T) {
	t.Parallel()
	r := dice(t)
	t.Run("own user", func(t *testing.T) { newStorage(t).lab(t, r).life(t) })
	t.Run("ordinary user", func(t *testing.T) {
		long(t)
		if os.Getuid() != 0 {
			t.Skip("the test before ran as an ordinary user")
		}
		l := labOf(t, r, world.NewAs(t, "nobody", "PAVE_STORE_URL="+newStorage(t).Database(t, "pave")))
		l.life(t)
		l.hunt(10, []victim{{"server", func(l *lab) int { return l.KillServer() }, ""}, {"node", func(l *lab) int { return killed(l.NodePID()) }, ""}})
	})
}

// life does each transition once.
func (l *lab) life(t *testing.T) {
	name := l.fresh()
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"create", func() error { return withDatabase(l, name) }},
		{"push", func() error { return l.push(name) }},
		{"deploy", func() error { _, err := l.deploy(name, "1"); return err }},
		{"create, killed", func() error { l.Arm("apply/database:staging/after-effect"); return withDatabase(l, l.fresh()) }},
		{"delete", func() error { return l.remove(name) }},
		{"restore", func() error { return l.restore(name) }},
	} {
		err := step.do()
		if err == nil {
			err = l.check()
		}
		if err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
	}
}

// Every point of a create with the store in PostgreSQL.
func TestCreateOnPostgreSQL(t *testing.T) {
	long(t)
	matrixOf(t, newStorage(t).lab, createDB, 2)
}

// The server, the PostgreSQL that holds the store and everything else is killed.
func TestRandomKillsOnPostgreSQL(t *testing.T) {
	long(t)
	s := newStorage(t)
	l := s.lab(t, dice(t))
	l.slowPipelines = true
	l.hunt(60, []victim{
		{"server", func(l *lab) int { return l.KillServer() }, ""},
		{"store", func(l *lab) int { return s.again(s.Kill) }, ""},
		{"store, restart", func(l *lab) int { return s.again(func() int { s.Shutdown(); return 1 }) }, ""},
		{"store and server", func(l *lab) int { return s.again(func() int { l.KillServer(); return s.Kill() }) }, ""},
		{"node", func(l *lab) int { return killed(l.NodePID()) }, ""},
		{"postmaster", (*lab).killPostmaster, ""},
	})
}

// again ends the store and starts it a moment later.
func (s *storage) again(end func() int) int {
	pid := end()
	time.Sleep(300 * time.Millisecond)
	if err := s.Start(); err != nil {
		panic(err)
	}
	return pid
}

// While its store is away the server lives, says so as a problem with the time to
// come back, and goes on by itself afterwards.
func TestStoreAway(t *testing.T) {
	long(t)
	s := newStorage(t)
	l := s.lab(t, dice(t))
	name := l.fresh()
	if err := l.create(name, "postgresql", "none"); err != nil {
		t.Fatal(err)
	}
	run, err := l.Create(l.Fixture(l.fresh(), teamName(l.r), "postgresql")) // in flight
	if err != nil {
		t.Fatal(err)
	}
	before := l.Stat().PID
	s.Shutdown()
	for _, path := range []string{"/v1/runs", "/readyz", "/v1/services/" + name + "/status"} {
		status, header, body := l.Ask(path)
		if status != 503 || header.Get("Retry-After") == "" || !strings.HasPrefix(header.Get("Content-Type"), "application/problem+json") {
			t.Errorf("%s: %d, Retry-After %q, %s: %s", path, status, header.Get("Retry-After"), header.Get("Content-Type"), body)
		}
	}
	if status, _, body := l.Ask("/livez"); status != 200 {
		t.Errorf("/livez: %d %s", status, body)
	}
	if status, _, err := l.Get(name, "staging", "/"); err != nil || status != 200 {
		t.Errorf("the service answers %d, %v while the store is away", status, err)
	}
	time.Sleep(5 * time.Second) // longer than a lease
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	back := time.Now()
	for {
		if status, _, _ := l.Ask("/v1/runs"); status == 200 {
			break
		}
		if time.Since(back) > 5*time.Second {
			t.Fatal("the API does not answer 5 s after its store came back")
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Logf("the API answers %s after its store", time.Since(back).Round(time.Millisecond))
	if _, err := l.Wait(run); err != nil {
		t.Fatal(err)
	}
	t.Logf("the run in flight is done %s after the store came back", time.Since(back).Round(time.Millisecond))
	if after := l.Stat().PID; after != before {
		t.Errorf("the server did not live through it: %d, then %d", before, after)
	}
}

// Whatever the API has acknowledged is there after server and PostgreSQL were
// killed together: a thousand runs that were started, and as many that were
// canceled.
func TestAcknowledged(t *testing.T) {
	long(t)
	const services, rounds, kills = 8, 125, 20
	s := newStorage(t)
	l := s.lab(t, dice(t))
	var names []string
	for range services {
		name := l.fresh()
		if err := twoReleasesOf(l, name, "none", "none"); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	// Runs that wait for somebody to approve cost nothing.
	if err := l.Call(http.MethodPut, "/v1/environments/staging", map[string]string{"approval": "lead"}, nil); err != nil {
		t.Fatal(err)
	}
	a := &acknowledged{l: l, names: names}
	var work sync.WaitGroup
	for _, name := range names {
		work.Go(func() { a.startAndCancel(t, name, rounds) })
	}
	done := make(chan struct{})
	go func() { work.Wait(); close(done) }()
	killed := 0
	for open := true; open && killed < kills; {
		select {
		case <-done:
			open = false
		case <-time.After(time.Second + time.Duration(l.r.Int64N(int64(time.Second)))):
			l.KillServer()
			s.Kill()
			if err := s.Start(); err != nil {
				t.Fatal(err)
			}
			killed++
		}
	}
	<-done
	lost := 0
	for _, id := range a.runs {
		run, err := l.Run(id)
		if err != nil || run.State != pave.RunCanceled {
			t.Errorf("run %s, acknowledged and canceled: %s, %v", id, run.State, err)
			lost++
		}
	}
	t.Logf("%d of %d acknowledged runs lost, server and PostgreSQL killed %d times", lost, len(a.runs), killed)
	if killed < kills/2 || len(a.runs) != services*rounds {
		t.Errorf("%d kills, %d runs: that proves too little", killed, len(a.runs))
	}
	if err := l.check(); err != nil { // each deploy is in the audit log once
		t.Error(err)
	}
}

// acknowledged are runs whose start and cancel were acknowledged.
type acknowledged struct {
	l     *lab
	names []string
	mu    sync.Mutex
	runs  []string
}

func (a *acknowledged) startAndCancel(t *testing.T, name string, rounds int) {
	for range rounds {
		id, err := a.l.Change(name, "deploy", map[string]string{"name": name, "environment": "staging", "release": "1"})
		if err == nil {
			err = a.l.Call(http.MethodPost, "/v1/runs/"+id+"/cancel", nil, nil)
			// A call that was repeated, since its answer was lost, may find it done: that
			// it is canceled is looked at below.
			if err != nil && strings.Contains(err.Error(), "has ended (canceled)") {
				err = nil
			}
		}
		if err == nil {
			_, err = a.l.Ended(id)
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		a.mu.Lock()
		a.runs = append(a.runs, id)
		a.mu.Unlock()
	}
}
