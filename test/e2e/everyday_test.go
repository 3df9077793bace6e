package e2e_test

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pave-platform/pave/test/world"
)

// Nothing of what is done with a service every day fails a request: not a restart,
// another variable, more or fewer processes, a secret, a cache, or the way back.
func TestEverydayUnderLoad(t *testing.T) {
	t.Parallel()
	h := world.New(t)
	created := create(t, h, h.Fixture("shop", "shopkeepers", "none"))
	l := startLoad(t, h, "shop", "staging", 8)
	for _, names := range [][2]string{{"shop", "store"}, {"store", "shop"}} { // asked by the first name all along
		l.during("rename", func() (string, error) {
			return h.Change(names[0], "rename service", map[string]any{"name": names[0], "to": names[1]})
		})
	}
	for _, c := range []struct {
		verb string
		spec any
	}{
		{"restart", map[string]any{"service": "shop"}},
		{"set variable", map[string]any{"service": "shop", "variables": map[string]string{"GREETING": "hello"}}},
		{"scale", map[string]any{"service": "shop", "replicas": 4}},
		{"scale", map[string]any{"service": "shop", "replicas": 1}},
		{"scale", map[string]any{"service": "shop", "replicas": 2}},
		{"set secret", map[string]any{"service": "shop", "name": "KEY", "value": seal(t, h, "shop", "KEY", "nobody-sees-this")}},
		{"restart", map[string]any{"service": "shop", "environment": "staging"}},
		{"add cache", map[string]any{"service": "shop"}},
		{"unset variable", map[string]any{"service": "shop", "names": []string{"GREETING"}}},
	} {
		l.during(c.verb, func() (string, error) { return h.Change("shop", c.verb, c.spec) })
	}
	last := lastRun(t, h, "shop")
	l.during("undo", func() (string, error) { return h.Undo("shop", "undo", last) })
	l.end()
	check(t, h, world.Service{Name: "shop", Cache: true})
	if created == last {
		t.Error("nothing was changed")
	}
}

// New credentials for database and cache fail no request, and the old ones are good no
// more afterwards.
func TestRotationUnderLoad(t *testing.T) {
	t.Parallel()
	h := world.New(t)
	spec := h.Fixture("shop", "shopkeepers", "postgresql")
	spec.Cache = "redis"
	create(t, h, spec)
	before, err := h.Variable("shop", "staging", "DATABASE_URL")
	if err != nil {
		t.Fatal(err)
	}
	rows, cache := startLoad(t, h, "shop", "staging", 2), startLoadOf(t, h, "shop", "staging", "/cache", 2)
	for _, kind := range []string{"database", "cache"} {
		rows.during("rotate "+kind, func() (string, error) {
			return h.Change("shop", "rotate", map[string]any{"service": "shop", "kind": kind})
		})
	}
	rows.end()
	cache.end()
	if n := cache.failed.Load(); n > 0 {
		t.Errorf("%d requests to the cache failed, the first with %v", n, cache.first.Load())
	}
	after, err := h.Variable("shop", "staging", "DATABASE_URL")
	if err != nil || after == before {
		t.Errorf("the credentials are the same: %v", err)
	}
	check(t, h, world.Service{Name: "shop", Database: true, Cache: true, Rotations: 1})
}

// A load asks a service again and again until it is ended.
type load struct {
	t      *testing.T
	h      *world.Home
	path   string
	stop   chan struct{}
	group  sync.WaitGroup
	asked  atomic.Int64
	failed atomic.Int64
	first  atomic.Value // what failed first
}

func startLoad(t *testing.T, h *world.Home, service, env string, workers int) *load {
	return startLoadOf(t, h, service, env, "/", workers)
}

func startLoadOf(t *testing.T, h *world.Home, service, env, path string, workers int) *load {
	l := &load{t: t, h: h, path: path, stop: make(chan struct{})}
	client := &http.Client{Timeout: 10 * time.Second}
	for range workers {
		l.group.Go(func() {
			for {
				select {
				case <-l.stop:
					return
				default:
				}
				l.ask(client, service+"."+env+".localhost")
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
	return l
}

func (l *load) ask(client *http.Client, host string) {
	l.asked.Add(1)
	req, err := http.NewRequest(http.MethodGet, "http://"+l.h.Stat().Router+l.path, nil)
	if err == nil {
		req.Host = host
		var resp *http.Response
		if resp, err = client.Do(req); err == nil {
			if resp.StatusCode != http.StatusOK {
				err = fmt.Errorf("status %d", resp.StatusCode)
			}
			resp.Body.Close()
		}
	}
	if err != nil {
		l.failed.Add(1)
		l.first.CompareAndSwap(nil, err.Error())
	}
}

// during makes a change, waits for its end, and says what failed meanwhile.
func (l *load) during(what string, change func() (string, error)) {
	l.t.Helper()
	asked, failed := l.asked.Load(), l.failed.Load()
	id, err := change()
	if err == nil {
		_, err = l.h.Wait(id)
	}
	if err != nil {
		l.t.Fatalf("%s: %v", what, err)
	}
	time.Sleep(300 * time.Millisecond) // old processes end their last requests
	if n := l.failed.Load() - failed; n > 0 {
		l.t.Errorf("%s: %d requests failed, the first with %v", what, n, l.first.Load())
	}
	if n := l.asked.Load() - asked; n < 20 {
		l.t.Errorf("%s: only %d requests were made", what, n)
	}
}

func (l *load) end() {
	close(l.stop)
	l.group.Wait()
	l.t.Logf("%d of %d requests failed", l.failed.Load(), l.asked.Load())
}

// seal keeps a value and returns the id by which a request names it.
func seal(t *testing.T, h *world.Home, service, name, value string) string {
	t.Helper()
	var out struct {
		ID string `json:"id"`
	}
	if err := h.Call(http.MethodPost, "/v1/services/"+service+"/secrets", map[string]string{"name": name, "value": value}, &out); err != nil {
		t.Fatal(err)
	}
	return out.ID
}

// lastRun is the run that changed last what is wanted of a service.
func lastRun(t *testing.T, h *world.Home, service string) string {
	t.Helper()
	var out struct {
		LastRun string `json:"last_run"`
	}
	if err := h.Call(http.MethodGet, "/v1/services/"+service, nil, &out); err != nil {
		t.Fatal(err)
	}
	return out.LastRun
}

// Of changes of one service at once each is carried out whole or refused as a
// conflict; what the processes see is what the last one that was carried out wanted.
func TestChangesAtOnce(t *testing.T) {
	t.Parallel()
	h := world.New(t)
	create(t, h, h.Fixture("shop", "shopkeepers", "none"))
	const many = 8
	runs, errs := make([]string, many), make([]error, many)
	var group sync.WaitGroup
	for i := range many {
		group.Go(func() {
			runs[i], errs[i] = h.Change("shop", "set variable", map[string]any{"service": "shop",
				"variables": map[string]string{"WHO": fmt.Sprintf("w%d", i), fmt.Sprintf("W%d", i): "was here"}})
		})
	}
	group.Wait()
	done := 0
	for i, err := range errs {
		var p *world.Problem
		switch {
		case err == nil:
			done++
			if _, err := h.Wait(runs[i]); err != nil {
				t.Errorf("%d: %v", i, err)
			}
		case !errors.As(err, &p) || p.Status != http.StatusConflict:
			t.Errorf("%d: %v, want a conflict", i, err)
		}
	}
	if done == 0 {
		t.Fatal("none was carried out")
	}
	check(t, h, world.Service{Name: "shop"})
	last := lastRun(t, h, "shop")
	for i, id := range runs {
		seen, err := h.Variable("shop", "staging", fmt.Sprintf("W%d", i))
		if carried := errs[i] == nil; carried != (err == nil && seen == "was here") {
			t.Errorf("%d, carried out %v, is seen: %q, %v", i, carried, seen, err)
		}
		if who, _ := h.Variable("shop", "staging", "WHO"); id == last && who != fmt.Sprintf("w%d", i) {
			t.Errorf("the last was %d, and the processes see %s", i, who)
		}
	}
	t.Logf("%d of %d were carried out", done, many)
}
