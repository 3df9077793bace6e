package faultproxy

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// server counts what reaches it and answers with that number and the request's body.
func server(t *testing.T) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Token", r.Header.Get("X-Token"))
		fmt.Fprintf(w, "%d %s %s %s", n.Add(1), r.Method, r.URL.RequestURI(), body)
	}))
	t.Cleanup(s.Close)
	return s, &n
}

// ask tells what came: status and body, or "error".
func ask(t *testing.T, method, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader("hi"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Token", "t")
	c := &http.Client{Timeout: 400 * time.Millisecond, Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Do(r)
	if err != nil {
		return "error"
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Sprintf("%d cut after %d", resp.StatusCode, len(body))
	}
	return fmt.Sprintf("%d %.40s%s%s", resp.StatusCode, body, resp.Header.Get("Retry-After"), resp.Header.Get("Location"))
}

func TestFaults(t *testing.T) {
	t.Parallel()
	at := RetryAt(time.Unix(0, 0))
	for name, c := range map[string]struct {
		fault Fault
		want  string
		done  int64 // what reached the server
	}{
		"none":     {nil, "200 1 PUT /a/b?c=d hi", 1},
		"refuse":   {Refuse(), "error", 0},
		"lose":     {Lose(), "error", 1},
		"delay":    {Delay(time.Millisecond), "200 1 PUT /a/b?c=d hi", 1},
		"too long": {Delay(time.Hour), "error", 0},
		"late":     {Late(time.Hour), "error", 1},
		"cut":      {Cut(3), "200 cut after 3", 1},
		"drip":     {Drip(100 * time.Millisecond), "", 1},
		"429":      {Status(429, "2"), "429 {}\n2", 0},
		"503":      {Status(503, at), "503 {}\n" + at, 0},
		"page":     {HTML(200), "200 <!DOCTYPE html><html><body><h1>Gateway</", 0},
		"huge":     {Huge(1 << 20), `200 {"data":"` + strings.Repeat("x", 31), 0},
		"away":     {Redirect("http://x.example/"), "307 http://x.example/a/b?c=d", 0},
		"after":    {After(Status(500, "")), "500 {}\n", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, n := server(t)
			p := New(t, s.URL)
			if c.fault != nil {
				p.On("PUT /a/*", 1, c.fault)
			}
			got := ask(t, "PUT", p.URL+"/a/b?c=d")
			if c.want == "" { // how much came depends on the machine
				c.want = got
				if !strings.Contains(got, "cut after") {
					t.Errorf("all came: %q", got)
				}
			}
			if got != c.want || n.Load() != c.done {
				t.Errorf("%q and %d done, want %q and %d", got, n.Load(), c.want, c.done)
			}
			if got := ask(t, "PUT", p.URL+"/a/b"); !strings.HasPrefix(got, "200 ") {
				t.Errorf("after the fault: %q", got)
			}
		})
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	s, _ := server(t)
	p := New(t, s.URL)
	p.On("*", 0, Status(500, ""))
	p.On("GET /a*", 2, Status(501, ""))
	p.On("/b/*/c", 0, Status(502, ""))
	var got []string
	for _, call := range []string{"GET /a/x", "PUT /a/x", "GET /a", "GET /a", "PUT /b/1/2/c", "PUT /b/c"} {
		method, at, _ := strings.Cut(call, " ")
		got = append(got, ask(t, method, p.URL+at)[:3])
	}
	if want := "501 500 501 500 502 500"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
	if n := len(p.Calls("GET *")); n != 3 {
		t.Errorf("%d calls with GET, want 3", n)
	}
	second, reached := Nth(1, Status(503, ""))
	p.On("GET *", 0, second)
	if a, b, c := ask(t, "GET", p.URL+"/x")[:3], reached(), ask(t, "GET", p.URL+"/x")[:3]; a != "200" || b || c != "503" || !reached() {
		t.Errorf("the second of two: %s, then %s", a, c)
	}
	p.Down()
	if got := ask(t, "GET", p.URL+"/"); got != "error" {
		t.Errorf("while it is down: %q", got)
	}
	p.Up()
	p.Clear()
	if got := ask(t, "GET", p.URL+"/x"); !strings.HasPrefix(got, "200") || len(p.Calls("*")) != 1 {
		t.Errorf("up again: %q, %v", got, p.Calls("*"))
	}
}
