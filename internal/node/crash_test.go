package node

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/job"
)

// TestNodeKilled kills a node with all kinds of programs running, and looks at
// the processes of the machine, not at what the node says.
func TestNodeKilled(t *testing.T) {
	t.Parallel()
	needPostgres(t)
	real := newHome(t)
	home := real + "-link" // the kernel shows where it leads
	if err := os.Symlink(real, home); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(real, 0o711); err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, uid: testUID(), Client: Dial(filepath.Join(home, "run", "node.sock"))}
	cmd := nodeProcess(t, home)
	t.Cleanup(func() { end(t, b.Client, cmd) })
	info := waitUp(t, b.Client)

	if _, err := b.PutServer(t.Context(), Server{ID: "postgres", Kind: "postgres"}); err != nil {
		t.Fatal(err)
	}
	pg := awaitServer(t, b.Client, any_)
	if err := sql(t, socketDSN(pg), "CREATE TABLE kept (n int)"); err != nil {
		t.Fatal(err)
	}
	w := b.workload("wl", "good")
	w.Replicas = 2
	b.put(w, StateRunning)
	rt, err := b.PutRoute(t.Context(), Route{ID: "rt", Host: "h.localhost", Workload: "wl"})
	if err != nil {
		t.Fatal(err)
	}
	bad := b.workload("wl", "bad")
	bad.Command = []string{program, "broken"}
	b.put(bad, StateFailed)
	if _, err := b.PutJob(t.Context(), b.job("job", "sleep")); err != nil {
		t.Fatal(err)
	}
	mark := markOf(t, b, info)

	for round := range 2 {
		_ = cmd.Process.Kill()
		_, _ = cmd.Process.Wait()
		if left := leftovers(mark); len(left) < 3 {
			t.Fatalf("round %d: the programs died with the node: %v", round, left)
		}
		cmd = nodeProcess(t, home)
		waitUp(t, b.Client)
		st := b.await("wl", func(s WorkloadStatus) bool { return s.Serving == "good" && ready(s) == 2 })
		if st.State != StateFailed || st.Wanted != "bad" || len(st.LastLines) == 0 {
			t.Errorf("round %d: the failure is forgotten: %+v", round, st)
		}
		again := awaitServer(t, b.Client, any_)
		if again.Port != pg.Port || again.PID == pg.PID {
			t.Errorf("round %d: server %+v, was %+v", round, again, pg)
		}
		if err := sql(t, socketDSN(again), "INSERT INTO kept VALUES (1)"); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		if r, err := b.Route(t.Context(), "rt"); err != nil || r.Port != rt.Port || !r.Listener {
			t.Errorf("round %d: route %+v, %v, was %+v", round, r, err, rt)
		}
		services, postmasters, others := census(mark)
		if services != 2 || postmasters != 1 || others != 0 {
			t.Errorf("round %d: %d services, %d servers, %d others; want 2, 1, 0", round, services, postmasters, others)
		}
		if j, err := b.Job(t.Context(), "job", 0); err != nil || j.State != JobLost {
			t.Errorf("round %d: job %+v, %v, want lost", round, j, err)
		}
		if j, err := b.PutJob(t.Context(), b.job("job", "sleep")); err != nil || j.State != JobRunning {
			t.Errorf("round %d: job put again: %+v, %v", round, j, err)
		}
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
	if left := leftovers(mark); len(left) != 0 {
		t.Errorf("after SIGTERM %v are left", left)
	}
}

// TestNodeKilledAtAnyTime kills the node while it is told new things.
func TestNodeKilledAtAnyTime(t *testing.T) {
	t.Parallel()
	home := newHome(t)
	b := &bench{t: t, uid: testUID(), Client: Dial(filepath.Join(home, "run", "node.sock"))}
	cmd := nodeProcess(t, home)
	t.Cleanup(func() { end(t, b.Client, cmd) })
	waitUp(t, b.Client)
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	for round := range 6 {
		told := make(chan struct{})
		go func() {
			defer close(told)
			for i := range 1000 { // until the node dies
				w := b.workload("wl", fmt.Sprintf("g%d.%d", round, i/3))
				_, err1 := b.PutWorkload(t.Context(), w)
				_, err2 := b.PutJob(t.Context(), b.job(fmt.Sprintf("job%d", i%3), "sleep"))
				_, err3 := b.PutRoute(t.Context(), Route{ID: "rt", Host: fmt.Sprintf("h%d.localhost", i), Workload: "wl"})
				if errors.Join(err1, err2, err3) != nil {
					return
				}
			}
		}()
		time.Sleep(time.Duration(dice.IntN(400)) * time.Millisecond)
		_ = cmd.Process.Kill()
		_, _ = cmd.Process.Wait()
		<-told
		cmd = nodeProcess(t, home)
		waitUp(t, b.Client)
	}
	info := waitUp(t, b.Client)
	b.put(b.workload("wl", "last"), StateRunning)
	eventually(t, "one service is left", func() bool {
		services, _, others := census(markOf(t, b, info))
		return services == 1 && others == 0
	})
}

func ready(s WorkloadStatus) (n int) {
	for _, r := range s.Replicas {
		if r.Ready {
			n++
		}
	}
	return n
}

// census counts the processes of a node by their items.
func census(mark string) (services, postmasters, others int) {
	for _, p := range leftovers(mark) {
		switch {
		case p.Env(itemMarker) == "wl":
			services++
		case p.Env(itemMarker) == "postgres" && p.Session == p.PID && !isBackend(p):
			postmasters++
		case p.Env(itemMarker) != "postgres":
			others++
		}
	}
	return services, postmasters, others
}

// isBackend reports whether the process is the child of another one in the same
// data folder.
func isBackend(p job.Proc) bool {
	parents := job.Find(func(q job.Proc) bool { return q.PID == p.Parent && q.Dir() == p.Dir() })
	return len(parents) > 0
}

func markOf(t *testing.T, b *bench, info Info) string {
	t.Helper()
	st, err := b.Workload(t.Context(), "wl")
	if err != nil || len(st.Replicas) == 0 {
		t.Fatal(st, err)
	}
	found := job.Find(func(p job.Proc) bool { return p.PID == st.Replicas[0].PID })
	if len(found) != 1 || found[0].Parent != info.PID {
		t.Fatalf("the service is no child of the node: %+v", found)
	}
	return found[0].Env(nodeMarker)
}

// end stops a node process after a test, whatever became of it.
func end(t *testing.T, c *Client, cmd *exec.Cmd) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := c.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

func TestOneNodePerHome(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	second, err := New(b.opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Run(t.Context()); pave.CodeOf(err) != pave.Conflict || !strings.Contains(err.Error(), b.opts.Home) {
		t.Errorf("a second node of the home: %v", err)
	}
	if _, err := b.Info(t.Context()); err != nil {
		t.Errorf("the first one is gone: %v", err)
	}
}

func TestRouterAddressTaken(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	o := b.opts
	o.Home, o.RouterAddr = newHome(t), b.node.router.addr()
	o.Socket = filepath.Join(o.Home, "run", "node.sock")
	n, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Run(t.Context()); pave.CodeOf(err) != pave.Conflict || !strings.Contains(pave.HintOf(err), strconv.Itoa(portOf(o.RouterAddr))) {
		t.Errorf("%v (hint %q), want Conflict", err, pave.HintOf(err))
	}
}

func portOf(addr string) int {
	port, _ := strconv.Atoi(addr[strings.LastIndexByte(addr, ':')+1:])
	return port
}

func TestNewRefusesBadOptions(t *testing.T) {
	t.Parallel()
	good := Options{Home: "/x/home", KeyFile: filepath.Join(t.TempDir(), "k"), Socket: "/x/node.sock", RouterAddr: "127.0.0.1:7080"}
	for reason, change := range map[string]func(*Options){
		"a relative home depends on where the node starts": func(o *Options) { o.Home = "home" },
		"the router serves this machine alone":             func(o *Options) { o.RouterAddr = "0.0.0.0:7080" },
		"a socket path has a limit":                        func(o *Options) { o.Socket = "/" + strings.Repeat("x", 120) },
	} {
		o := good
		change(&o)
		if _, err := New(o); pave.CodeOf(err) != pave.Invalid || pave.HintOf(err) == "" {
			t.Errorf("%s: %v", reason, err)
		}
	}
	if os.Geteuid() == 0 {
		o := good
		o.Home = filepath.Join(t.TempDir(), "home") // in a folder of mode 0700
		_ = os.Chmod(filepath.Dir(o.Home), 0o700)
		if _, err := New(o); pave.CodeOf(err) != pave.Invalid || !strings.Contains(pave.HintOf(err), "chmod") {
			t.Errorf("a home that services cannot enter: %v", err)
		}
	}
	if _, err := Dial("/no/such.sock").Info(t.Context()); pave.CodeOf(err) != pave.Unavailable || pave.HintOf(err) == "" {
		t.Errorf("no node: %v", err)
	}
}
