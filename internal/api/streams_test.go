package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pave-platform/pave"
)

// growing has events and the log of a run that grow while they are read: steps go on
// side by side, and some begin late.
type growing struct {
	fake
	mu     sync.Mutex
	events []pave.Event
	lines  map[string]int // by step
}

var growingSteps = []string{"build", "lint", "test"}

func (g *growing) grow(r *rand.Rand) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for range r.IntN(5) {
		g.events = append(g.events, pave.Event{Seq: int64(2*len(g.events) + 1), Type: "run.started"})
		g.lines[growingSteps[r.IntN(len(growingSteps))]]++
	}
}

func (g *growing) Events(_ context.Context, f pave.EventFilter) (out []pave.Event, _ error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range g.events {
		if e.Seq > f.After && len(out) < f.Limit {
			out = append(out, e)
		}
	}
	return out, nil
}

func (g *growing) RunLog(_ context.Context, _ string, _ pave.LogQuery, each func(pave.LogLine) error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, step := range growingSteps {
		for n := range g.lines[step] {
			if err := each(pave.LogLine{Source: step, Text: fmt.Sprint(n)}); err != nil {
				return err
			}
		}
	}
	return nil
}

// readSome reads at most n server-sent events and breaks off; it returns their data
// and the id of the last.
func readSome(t *testing.T, url, token, last string, n int) (data []string, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "text/event-stream")
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%s: %s %s", url, resp.Status, resp.Header.Get("Content-Type"))
	}
	next := ""
	for lines := bufio.NewScanner(resp.Body); len(data) < n && lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), ": ")
		switch key {
		case "id":
			next = value
		case "data":
			data, last = append(data, value), next
		}
	}
	return data, last
}

// TestResume reads streams in pieces while they grow: nothing is lost or doubled.
func TestResume(t *testing.T) {
	t.Parallel()
	g := &growing{lines: map[string]int{}}
	d := open(t, g)
	srv := httptest.NewServer(d)
	defer srv.Close()
	r := rand.New(rand.NewPCG(7, 7))
	seen := map[string]map[string]int{"/v1/events/stream": {}, "/v1/runs/run_1/logs": {}}
	last := map[string]string{}
	for range 40 {
		g.grow(r)
		for path := range seen {
			g.mu.Lock()
			left := len(g.events) - len(seen[path])
			g.mu.Unlock()
			if left == 0 {
				continue
			}
			var data []string
			data, last[path] = readSome(t, srv.URL+path, d.token, last[path], 1+r.IntN(left))
			for _, text := range data {
				seen[path][keyOf(t, text)]++
			}
		}
	}
	for path, all := range seen {
		if left := len(g.events) - len(all); left > 0 {
			data, _ := readSome(t, srv.URL+path, d.token, last[path], left)
			for _, text := range data {
				all[keyOf(t, text)]++
			}
		}
		if len(all) != len(g.events) || len(all) < 40 {
			t.Errorf("%s: %d of %d", path, len(all), len(g.events))
		}
		for key, n := range all {
			if n != 1 {
				t.Errorf("%s: %s came %d times", path, key, n)
			}
		}
	}
	if w := d.do("GET", "/v1/runs/run_1/logs?since=x", ""); w.Code != 400 {
		t.Errorf("a cursor that is none: %d %s", w.Code, w.Body)
	}
}

// keyOf tells items of a stream apart.
func keyOf(t *testing.T, text string) string {
	t.Helper()
	var v struct {
		Seq          int64
		Source, Text string
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(v.Seq, v.Source, v.Text)
}

// delivering takes messages of hosts.
type delivering struct{ fake }

func (delivering) Delivered(context.Context, string, http.Header, []byte) (run pave.Run, started bool, err error) {
	return run, true, nil
}

// Who sends messages slowly, as anybody may, does not hold up those of hosts.
func TestSlowMessages(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(open(t, delivering{}))
	defer srv.Close()
	for i := range 3 * cap(reading) {
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		size := []int{1000, maxMessage}[i%2]
		fmt.Fprintf(conn, "POST /v1/hooks/repositories/res_1 HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n{", srv.Listener.Addr(), size)
	}
	for deadline := time.Now().Add(5 * time.Second); len(reading) < cap(reading) && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	begin := time.Now()
	resp, err := http.Post(srv.URL+"/v1/hooks/repositories/res_1", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if took := time.Since(begin); resp.StatusCode != http.StatusOK || took > 8*time.Second {
		t.Errorf("answered %s after %v", resp.Status, took)
	}
}
