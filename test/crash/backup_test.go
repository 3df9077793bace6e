package crash_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/test/world"
)

// A backup is written while services are made and pushed to, and restored into a
// new home: what was acknowledged before is there, what was in flight ends, and all
// services answer again.
func TestBackup(t *testing.T) {
	t.Parallel()
	l := newLab(t, dice(t))
	work := startLoad(t, l)
	for len(work.known()) < 3 {
		time.Sleep(20 * time.Millisecond)
	}
	before := work.known()
	dir := t.TempDir()
	file, keys := filepath.Join(dir, "a.backup"), filepath.Join(dir, "a.keys")
	began := time.Now()
	out, err := l.Command(t.Context(), "admin", "backup", file, "--with-keys", keys)
	if err != nil {
		t.Fatalf("backup: %v\n%s", err, out)
	}
	t.Logf("%s (%s)", strings.TrimSpace(out), time.Since(began).Round(time.Millisecond))
	work.stop(t)
	if strings.Contains(read(t, file), "AGE-SECRET-KEY") || !strings.Contains(read(t, keys), "AGE-SECRET-KEY") {
		t.Error("the keys are in the backup, or not in their own file")
	}
	for _, store := range []string{"sqlite", "postgresql"} {
		t.Run("into "+store, func(t *testing.T) {
			var env []string
			if store == "postgresql" {
				long(t)
				env = append(env, "PAVE_STORE_URL="+newStorage(t).Database(t, "pave"))
			}
			refuses(t, file, keys, env)
			restores(t, file, keys, env, before)
		})
	}
}

// load makes services and pushes to the first, until it is stopped.
type load struct {
	l       *lab
	mu      sync.Mutex
	acked   map[string]string // last commit by service, "" for the first
	stopped bool
	done    sync.WaitGroup
}

func startLoad(t *testing.T, l *lab) *load {
	w := &load{l: l, acked: map[string]string{}}
	first := l.fresh()
	if err := l.create(first, "postgresql", "none"); err != nil {
		t.Fatal(err)
	}
	var sealed struct{ ID string }
	err := l.Call(http.MethodPost, "/v1/services/"+first+"/secrets", map[string]string{"name": "KEY", "value": "kept-" + first}, &sealed)
	if err == nil {
		_, err = l.finish(l.Change(first, "set secret", map[string]string{"service": first, "name": "KEY", "value": sealed.ID}))
	}
	if err != nil {
		t.Fatal(err)
	}
	w.note(first, "")
	w.done.Go(func() {
		for n := 0; w.goesOn(); n++ {
			commit, err := l.Commit(first, map[string]string{"n.txt": fmt.Sprint(n)})
			if err != nil {
				t.Errorf("push: %v", err)
				return
			}
			w.note(first, commit)
		}
	})
	names := make([]string, 12)
	for i := range names {
		names[i] = l.fresh()
	}
	w.done.Go(func() {
		for _, name := range names {
			if !w.goesOn() {
				return
			}
			id, err := l.Create(l.Fixture(name, teamName(l.r), "postgresql"))
			if err == nil {
				_, err = l.Wait(id)
			}
			if err != nil {
				t.Errorf("create: %v", err)
				return
			}
			w.note(name, "")
		}
	})
	return w
}

func (w *load) note(service, commit string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acked[service] = commit
}

func (w *load) known() map[string]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string]string{}
	for k, v := range w.acked {
		out[k] = v
	}
	return out
}

func (w *load) goesOn() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.stopped
}

func (w *load) stop(t *testing.T) {
	w.mu.Lock()
	w.stopped = true
	w.mu.Unlock()
	w.done.Wait()
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// refuses tries what must not be restored: nothing is there afterwards.
func refuses(t *testing.T, file, keys string, env []string) {
	dir := t.TempDir()
	whole := read(t, file)
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	changed := []byte(whole)
	changed[len(changed)/2] ^= 1
	for reason, tc := range map[string]struct{ file, keys, want string }{
		"a cut file":       {write("cut", whole[:len(whole)*9/10]), keys, "cut off or damaged"},
		"a changed file":   {write("changed", string(changed)), keys, "cut off or damaged"},
		"another file":     {write("other", "hello"), keys, "is no backup of pave"},
		"no file":          {filepath.Join(dir, "absent"), keys, "open the backup"},
		"no key":           {file, "", "there is no key"},
		"a wrong key":      {file, write("wrong", `{"format":1,"keys":{"server.key":"`+strangeKey+`"}}`), "not the one that sealed"},
		"a file of no key": {file, write("nokey", `{}`), "no file of keys"},
	} {
		h := world.NewDown(t, env...)
		args := []string{"admin", "restore", tc.file}
		if tc.keys != "" {
			args = append(args, "--keys", tc.keys)
		}
		out, err := h.Command(t.Context(), args...)
		if err == nil || !strings.Contains(out, tc.want) || !strings.Contains(out, "next:") {
			t.Errorf("%s: %v, want %q and what to do\n%s", reason, err, tc.want, out)
		}
		if left, err := filepath.Glob(h.Dir + "*/*"); err != nil || len(left) > 0 {
			t.Errorf("%s: left behind %v, %v", reason, left, err)
		}
	}
}

// strangeKey is a key that has sealed nothing.
const strangeKey = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"

// restores brings the backup into a new home and looks at everything in it.
func restores(t *testing.T, file, keys string, env []string, before map[string]string) {
	h := world.NewDown(t, env...)
	began := time.Now()
	if out, err := h.Command(t.Context(), "admin", "restore", file, "--keys", keys); err != nil {
		t.Fatalf("restore: %v\n%s", err, out)
	}
	took := time.Since(began)
	h.Up()
	if err := settled(h); err != nil {
		t.Fatal(err)
	}
	if err := h.Stopped(); err != nil {
		t.Error(err)
	}
	t.Logf("restored in %s, all back after %s", took.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	var services struct{ Items []pave.Service }
	if err := h.Call(http.MethodGet, "/v1/services", nil, &services); err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, s := range services.Items {
		there[string(s.Name)] = true
		if status, body, err := h.Get(string(s.Name), "staging", "/"); err != nil || status != 200 || body["rows"] == nil {
			t.Errorf("%s answers %d %v, %v", s.Name, status, body, err)
		}
	}
	for name, commit := range before {
		if !there[name] {
			t.Errorf("%s was acknowledged before the backup and is lost", name)
		}
		if commit == "" {
			continue
		}
		if !h.Has(name, commit) {
			t.Errorf("%s has not commit %s, which was pushed before the backup", name, commit)
		}
		if got, err := h.Variable(name, "staging", "KEY"); err != nil || got != "kept-"+name {
			t.Errorf("the secret of %s is %q, %v", name, got, err)
		}
	}
	if out, err := h.Command(t.Context(), "admin", "verify"); err != nil {
		t.Errorf("audit: %v\n%s", err, out)
	}
	if s, err := h.Look(context.Background()); err != nil || len(s.Strays) > 0 || len(s.Workloads) != len(there) || len(s.Databases) != len(there) {
		t.Errorf("%d services, and there are %d workloads, %d databases, strays %v, %v", len(there), len(s.Workloads), len(s.Databases), s.Strays, err)
	}
	out, err := h.Command(t.Context(), "admin", "restore", file, "--keys", keys, "--replace")
	if err == nil || !strings.Contains(out, "pave down") {
		t.Errorf("a platform that runs is replaced: %v\n%s", err, out)
	}
	replaces(t, h, file, keys)
}

// replaces restores over what is there: only when told so, and that is set aside.
func replaces(t *testing.T, h *world.Home, file, keys string) {
	if out, err := h.Command(t.Context(), "down"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := h.Command(t.Context(), "admin", "restore", file, "--keys", keys)
	if err == nil || !strings.Contains(out, "is not empty") || !strings.Contains(out, "--replace") {
		t.Errorf("over what is there: %v\n%s", err, out)
	}
	out, err = h.Command(t.Context(), "admin", "restore", file, "--keys", keys, "--replace")
	if err != nil || !strings.Contains(out, "set aside") {
		t.Errorf("--replace: %v\n%s", err, out)
	}
	if old, err := filepath.Glob(h.Dir + ".before-*/git/*.git"); err != nil || len(old) == 0 {
		t.Errorf("the old home is not kept: %v, %v", old, err)
	}
	h.Up()
	if err := settled(h); err != nil {
		t.Error(err)
	}
}

// settled waits until services are back and no run goes on.
func settled(h *world.Home) error {
	// A run that was in flight may try for two minutes what the restored world has not.
	within := h.Patience + 2*time.Minute
	deadline := time.Now().Add(within)
	for {
		var active []string
		for _, state := range []string{"queued", "running"} {
			var out struct{ Items []pave.Run }
			if err := h.Call(http.MethodGet, "/v1/runs?state="+state, nil, &out); err != nil {
				return err
			}
			for _, r := range out.Items {
				active = append(active, r.Title)
			}
		}
		if _, err := os.Stat(filepath.Join(h.Dir, "restored")); os.IsNotExist(err) && len(active) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after %s these go on: %v", within, active)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
