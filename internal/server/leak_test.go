package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"
)

// TestMain is also the node that a server in this process starts, and the server that
// the node would start, which has nothing to do.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "server":
			return
		case "node":
			c, err := FromEnvironment("leaks")
			if err == nil {
				err = RunNode(context.Background(), c, os.Stderr)
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, "pave:", err)
				os.Exit(1)
			}
			return
		}
	}
	os.Exit(m.Run())
}

// held is what a process holds.
type held struct {
	goroutines, files int
	heap              uint64
	temporary         int
}

func holds(t *testing.T, c Config) (h held) {
	t.Helper()
	for range 3 { // what is in pools goes at the second
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fds, err1 := os.ReadDir("/proc/self/fd")
	tmp, err2 := os.ReadDir(c.path("tmp"))
	own, err3 := os.ReadDir(os.TempDir())
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	return held{runtime.NumGoroutine(), len(fds), m.HeapAlloc, len(tmp) + len(own)}
}

// A server that is started and stopped 15 times holds what it held after the third
// time: goroutines, files and sockets, memory, temporary files.
func TestLeaks(t *testing.T) {
	if os.Getenv("PAVE_TEST_REAL") == "" {
		t.Skip("PAVE_TEST_REAL=1 (make test-real) runs this")
	}
	dir, err := os.MkdirTemp("/tmp", "pvl")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "t"), 0o700); err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"TMPDIR": filepath.Join(dir, "t"), "PAVE_HOME": filepath.Join(dir, "h"), "PAVE_CONFIG": filepath.Join(dir, "k"),
		"PAVE_LISTEN": "127.0.0.1:0", "PAVE_ROUTER": "127.0.0.1:0"} {
		t.Setenv(k, v)
	}
	c, err := FromEnvironment("leaks")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := Down(context.Background(), c); err != nil {
			t.Error(err)
		}
	}()
	const warm, cycles = 3, 15
	var first held
	for n := range warm + cycles {
		if n == warm {
			first = holds(t, c)
		}
		cycle(t, c)
	}
	last := settledHold(t, c, first)
	t.Logf("after %d starts %+v, after %d more %+v", warm, first, cycles, last)
	if last.goroutines > first.goroutines+1 || last.files > first.files+1 || last.temporary > first.temporary || last.heap > first.heap+first.heap/4+1<<20 {
		var stacks strings.Builder
		_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1)
		t.Errorf("it leaks; goroutines now:\n%s", stacks.String())
	}
}

// settledHold waits a moment for what ends by itself.
func settledHold(t *testing.T, c Config, first held) (h held) {
	for range 20 {
		if h = holds(t, c); h.goroutines <= first.goroutines && h.files <= first.files {
			return h
		}
		time.Sleep(100 * time.Millisecond)
	}
	return h
}

// cycle starts a server in this process, uses it, streams included, and stops it.
func cycle(t *testing.T, c Config) {
	t.Helper()
	_ = os.Remove(c.serverFile())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, c, io.Discard) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}()
	var s State
	for end := time.Now().Add(startWithin); ; time.Sleep(5 * time.Millisecond) {
		var ok bool
		var err error
		if s, ok, err = c.readState(); err == nil && ok {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("no server: %v", err)
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("the server ended: %v", err)
		default:
		}
	}
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	for _, path := range []string{"/readyz", "/v1/services", "/v1/runs", "/v1/templates", "/v1/events/stream", "/openapi.json"} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+s.Token)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if path == "/v1/events/stream" {
			defer resp.Body.Close() // open while the server stops
		} else {
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d, %v", path, resp.StatusCode, err)
		}
	}
}
