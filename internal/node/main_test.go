package node

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pave-platform/pave/internal/job"
)

// program is a copy of the test binary where every user may run it. Started with
// an argument it is a service, a job or a node instead of the tests.
var program string

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-test.") {
		playPart(os.Args[1])
		os.Exit(0)
	}
	dir, err := os.MkdirTemp("", "pave-prog-")
	if err == nil {
		program = filepath.Join(dir, "prog")
		data, _ := os.ReadFile("/proc/self/exe")
		_ = os.Chmod(dir, 0o711)
		err = os.WriteFile(program, data, 0o755)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func playPart(part string) {
	switch part {
	case "service":
		service()
	case "broken":
		fmt.Println("config is broken")
		fmt.Fprintln(os.Stderr, "panic: no such flag")
		os.Exit(4)
	case "echo":
		fmt.Println(strings.Join(os.Args[2:], " "))
	case "sleep":
		fmt.Println("sleeping")
		time.Sleep(time.Hour)
	case "node":
		childNode()
	}
}

// service answers with its generation, and does what its paths say.
func service() {
	gen := os.Getenv("GEN")
	ready := time.Now()
	if d, err := time.ParseDuration(os.Getenv("READY_AFTER")); err == nil {
		ready = ready.Add(d)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if time.Now().Before(ready) {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, gen)
	})
	mux.HandleFunc("/boom", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	mux.HandleFunc("/slow", func(w http.ResponseWriter, _ *http.Request) { time.Sleep(500 * time.Millisecond); fmt.Fprint(w, gen) })
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"host": r.Host, "header": r.Header, "uid": os.Getuid(), "env": os.Environ()})
	})
	mux.HandleFunc("/upgrade", func(w http.ResponseWriter, _ *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer c.Close()
		fmt.Fprint(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n")
		line, _ := bufio.NewReader(rw).ReadString('\n')
		fmt.Fprint(c, "you said "+line)
	})
	fmt.Println("listening", gen)
	l, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	s := &http.Server{Handler: mux}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	go func() {
		<-term
		if os.Getenv("ABRUPT") == "" { // many programs end at once
			_ = s.Shutdown(context.Background())
		}
		os.Exit(0)
	}()
	_ = s.Serve(l)
	select {}
}

func childNode() {
	home := os.Args[2]
	n, err := New(Options{
		Home: home, KeyFile: home + "-key/node.key", Socket: filepath.Join(home, "run", "node.sock"), RouterAddr: "127.0.0.1:0",
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err == nil {
		err = n.Run(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "node:", err)
		os.Exit(1)
	}
}

// A bench is a node under test.
type bench struct {
	*Client
	t    *testing.T
	opts Options
	uid  int
	node *Node
	end  context.CancelFunc // as a crash would, but the process lives
	done chan struct{}
}

func newHome(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pave-")
	if err != nil {
		t.Fatal(err)
	}
	_ = os.Chmod(dir, 0o711)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "home")
}

func testUID() int {
	if os.Geteuid() == 0 {
		return 70001
	}
	return 0
}

// newBench starts a node in this process and ends it after the test.
func newBench(t *testing.T, tweak ...func(*Options)) *bench {
	t.Helper()
	home := newHome(t)
	b := &bench{t: t, uid: testUID(), opts: Options{
		Home: home, KeyFile: home + "-key/node.key", Socket: filepath.Join(home, "run", "node.sock"),
		RouterAddr: "127.0.0.1:0", Version: "test", guest: true,
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	}}
	for _, f := range tweak {
		f(&b.opts)
	}
	b.start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := b.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		b.end()
		<-b.done
		for _, p := range leftovers(b.node.mark) {
			command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.PID))
			t.Errorf("after the shutdown a process is left: %+v, alive %v: %q", p, p.Alive(), command)
		}
	})
	return b
}

func leftovers(mark string) []job.Proc {
	return job.Find(func(p job.Proc) bool { return p.Env(nodeMarker) == mark })
}

func (b *bench) start() {
	b.t.Helper()
	n, err := New(b.opts)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := n.Run(ctx); err != nil {
			b.t.Error(err)
		}
	}()
	b.Client, b.node, b.end, b.done = Dial(b.opts.Socket), n, cancel, done
	waitUp(b.t, b.Client)
}

func waitUp(t *testing.T, c *Client) Info {
	t.Helper()
	var info Info
	eventually(t, "the node answers", func() bool {
		var err error
		info, err = c.Info(t.Context())
		return err == nil
	})
	return info
}

// eventually waits up to 20 s.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

func (b *bench) workload(id, gen string) Workload {
	return Workload{
		ID: id, Service: "shop", Env: "production", Generation: gen, Dir: "/", Command: []string{program, "service"},
		Vars: map[string]string{"GEN": gen}, Replicas: 1, ReadyPath: "/healthz", UID: b.uid,
	}
}

// put puts a workload and waits until it is in the state.
func (b *bench) put(w Workload, state string) WorkloadStatus {
	b.t.Helper()
	if _, err := b.PutWorkload(b.t.Context(), w); err != nil {
		b.t.Fatal(err)
	}
	return b.await(w.ID, func(s WorkloadStatus) bool { return s.State == state && s.Wanted == w.Generation })
}

func (b *bench) await(id string, ok func(WorkloadStatus) bool) (s WorkloadStatus) {
	b.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		var err error
		if s, err = b.Workload(b.t.Context(), id); err == nil && ok(s) {
			return s
		}
	}
	b.t.Fatalf("workload stays %+v", s)
	return s
}

// get asks the router for a host.
func (b *bench) get(host, path string, header ...string) (status int, body string, h http.Header) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, "http://"+b.node.router.addr()+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Host = host
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	data, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(data), res.Header
}

// nodeProcess starts a node as a process of its own.
func nodeProcess(t *testing.T, home string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(program, "node", home)
	cmd.Stderr = t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}
