package process

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/resource"
)

// program is a copy of the test binary where every user may run it. Started with
// an argument it is a service or the node instead of the tests.
var program string

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-test.") {
		playPart(os.Args[1:])
		return
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "pave-prog-")
	if err == nil {
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "prog")
		var data []byte
		if data, err = os.ReadFile("/proc/self/exe"); err == nil {
			_ = os.Chmod(dir, 0o711)
			err = os.WriteFile(program, data, 0o755)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func playPart(args []string) {
	switch args[0] {
	case "service":
		service()
	case "broken":
		fmt.Fprintln(os.Stderr, "panic: no such flag")
		os.Exit(3)
	case "node":
		if err := runNode(args[1]); err != nil {
			fmt.Fprintln(os.Stderr, "node:", err)
			os.Exit(1)
		}
	}
}

// service answers with what it was given.
func service() {
	mux := http.NewServeMux()
	mux.HandleFunc("/health/ready", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/env/{name}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, os.Getenv(r.PathValue("name")))
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, _ *http.Request) {
		token, err := os.ReadFile(os.Getenv("PAVE_TOKEN_FILE"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
		_, _ = w.Write(token)
	})
	l, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	s := &http.Server{Handler: mux}
	go func() { _ = s.Serve(l) }()
	<-term
	_ = s.Shutdown(context.Background())
}

func runNode(home string) error {
	n, err := node.New(node.Options{Home: home, KeyFile: home + "-key/node.key", Socket: socket(home), RouterAddr: "127.0.0.1:0",
		Version: "test", Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		return err
	}
	return n.Run(context.Background())
}

func socket(home string) string { return filepath.Join(home, "run", "node.sock") }

// bench is a node, as a process of its own, and where its router listens.
type bench struct {
	*testing.T
	node   *node.Client
	router string
	trees  trees
}

// trees is where releases lie: all the same, since the program lies elsewhere.
type trees string

func (t trees) Tree(string) string { return string(t) }

func newBench(t *testing.T) *bench {
	t.Helper()
	// Not t.TempDir: its parent is 0700, which other users cannot pass.
	dir, err := os.MkdirTemp("", "pave-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	_ = os.Chmod(dir, 0o711)
	home := filepath.Join(dir, "home")
	if err := os.Mkdir(filepath.Join(dir, "tree"), 0o755); err != nil {
		t.Fatal(err)
	}
	b := &bench{T: t, node: start(t, home), trees: trees(filepath.Join(dir, "tree"))}
	info, err := b.node.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.router = info.Router
	return b
}

// start runs a node until the end of the test.
func start(t *testing.T, home string) *node.Client {
	t.Helper()
	cmd := command(program, "node", home)
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := node.Dial(socket(home))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := c.Shutdown(ctx); err != nil {
			t.Error(err)
			_ = cmd.Process.Kill()
		}
		_ = cmd.Wait()
	})
	eventually(t, "the node answers", func() bool { _, err := c.Info(t.Context()); return err == nil })
	return c
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func root() bool { return os.Geteuid() == 0 }

// uid is who the processes of the tests run as, where the node may choose.
const uid = 70001

// get asks the router for a host.
func (b *bench) get(t *testing.T, host, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+b.router+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

var names atomic.Int64

func newName(prefix string) pave.Name {
	return pave.Name(fmt.Sprintf("%s%d", prefix, names.Add(1)))
}

// ready applies and observes until a resource is ready.
func ready(t *testing.T, d resource.Driver, r resource.Resource) resource.State {
	t.Helper()
	st, err := d.Apply(t.Context(), r)
	eventually(t, r.ExternalID+" is ready", func() bool {
		if err != nil {
			t.Fatal(err)
		}
		if !st.Ready {
			st, err = d.Observe(t.Context(), r)
		}
		return st.Ready
	})
	return st
}
