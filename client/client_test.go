package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pave-platform/pave"
)

func fixed(url, token string) func(context.Context) (Endpoint, error) {
	return func(context.Context) (Endpoint, error) { return Endpoint{URL: url, Token: pave.NewSecret(token)}, nil }
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	if status >= 300 {
		w.Header().Set("Content-Type", "application/problem+json")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func TestProblems(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason  string
		handler http.HandlerFunc
		code    pave.Code
		message string
		hint    string
		fields  int
	}{
		"problem": {"a problem becomes the error it was made from", func(w http.ResponseWriter, _ *http.Request) {
			answer(w, 400, map[string]any{"detail": "name \"X\" is wrong", "code": "invalid", "hint": "use x",
				"errors": []pave.FieldError{{Field: "name", Value: "X", Message: "is wrong"}}})
		}, pave.Invalid, `name "X" is wrong`, "use x", 1},
		"not found": {"the code decides the exit code", func(w http.ResponseWriter, _ *http.Request) {
			answer(w, 404, map[string]any{"detail": "no service", "code": "not_found"})
		}, pave.NotFound, "no service", "", 0},
		"redirect": {"the token follows no redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
		}, pave.Unavailable, "", "pave doctor shows who has the port", 0},
		"other server": {"something else has the port", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<html>", http.StatusTeapot)
		}, pave.Unavailable, "", "pave doctor shows who has the port", 0},
		"401": {"a token that stays refused is Denied", func(w http.ResponseWriter, _ *http.Request) {
			answer(w, 401, map[string]any{"detail": "not signed in", "code": "denied"})
		}, pave.Denied, "not signed in", "", 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(tc.handler)
			defer s.Close()
			c := New(Options{Server: fixed(s.URL, "t")})
			defer c.Close()
			_, err := c.Plan(t.Context(), pave.Undo{Run: "run_1"})
			var e *pave.Error
			if !errors.As(err, &e) || e.Code != tc.code || tc.message != "" && e.Message != tc.message ||
				e.Hint != tc.hint || len(e.Fields) != tc.fields {
				t.Errorf("%s: got %#v", tc.reason, err)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	var got http.Header
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		answer(w, 200, pave.User{Name: "ada"})
	}))
	defer s.Close()
	c := New(Options{Server: fixed(s.URL, "tok"), Command: "whoami", Version: "1.2", Invocation: "inv_1"})
	defer c.Close()
	if _, err := c.Whoami(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"Authorization": "Bearer tok", "Pave-Command": "whoami", "Pave-Version": "1.2", "Pave-Invocation": "inv_1"}
	for k, v := range want {
		if got.Get(k) != v {
			t.Errorf("%s = %q, want %q", k, got.Get(k), v)
		}
	}
	if got.Get("X-Request-Id") == "" {
		t.Error("no request id")
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	l.Close()
	c := New(Options{Server: fixed(url, "t"), Patience: 200 * time.Millisecond})
	if _, err := c.Services(t.Context(), false); !errors.Is(err, ErrUnreachable) || pave.CodeOf(err) != pave.Unavailable {
		t.Errorf("got %v, want ErrUnreachable", err)
	}
	missing := pave.Errorf(pave.Unavailable, "no server").WithHint("pave up")
	c = New(Options{Server: func(context.Context) (Endpoint, error) { return Endpoint{}, missing }})
	if _, err := c.Services(t.Context(), false); !errors.Is(err, missing) {
		t.Errorf("got %v, want what the finder says", err)
	}
}

// restarting is a server that is killed and comes back at another address with
// another token, like the real one.
type restarting struct {
	t       *testing.T
	handler func(token string) http.Handler
	mu      sync.Mutex
	server  *httptest.Server
	token   int
}

func (r *restarting) start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.token++
	token := strconv.Itoa(r.token)
	inner := r.handler(token)
	r.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") != "Bearer "+token {
			answer(w, 401, map[string]any{"detail": "not signed in", "code": "denied"})
			return
		}
		inner.ServeHTTP(w, req)
	}))
}

func (r *restarting) kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.server.CloseClientConnections()
	r.server.Close()
}

func (r *restarting) find(context.Context) (Endpoint, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Endpoint{URL: r.server.URL, Token: pave.NewSecret(strconv.Itoa(r.token))}, nil
}

// TestStreamSurvivesRestarts: every event comes once, in order, over kills in the
// middle of an event and a server that sends old events again.
func TestStreamSurvivesRestarts(t *testing.T) {
	t.Parallel()
	const last = 30
	var resumed atomic.Int64
	r := &restarting{t: t}
	r.handler = func(string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			after, _ := strconv.ParseInt(req.Header.Get("Last-Event-ID"), 10, 64)
			if after > 0 {
				resumed.Add(1)
			}
			fmt.Fprint(w, "retry: 500\n\n: still here\n\n")
			for seq := max(1, after-1); seq <= last; seq++ { // one too many on purpose
				data, _ := json.Marshal(pave.Event{Seq: seq, Run: "run_1", Type: "step.done"})
				fmt.Fprintf(w, "id: %d\nevent: step.done\ndata: %s\n\n", seq, data)
				if seq%10 == 5 && seq > after {
					fmt.Fprintf(w, "id: %d\ndata: {\"seq\"", seq+1) // half an event, then death
					_ = http.NewResponseController(w).Flush()
					go func() { r.kill(); time.Sleep(50 * time.Millisecond); r.start() }()
					<-req.Context().Done()
					return
				}
				_ = http.NewResponseController(w).Flush()
			}
			<-req.Context().Done()
		})
	}
	r.start()
	c := New(Options{Server: r.find})
	var got []int64
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := c.Stream(ctx, pave.EventFilter{Run: "run_1"}, func(e pave.Event) error {
		if got = append(got, e.Seq); e.Seq == last {
			return ErrStop
		}
		return nil
	})
	c.Close()
	r.kill()
	var want []int64
	for i := range int64(last) {
		want = append(want, i+1)
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("err %v, events (-want +got):\n%s", err, diff)
	}
	if resumed.Load() < 3 {
		t.Errorf("%d connections went on from a cursor, want one for each of 3 kills", resumed.Load())
	}
}

// TestCallsSurviveARestart: what may be repeated is, what may not be is not.
func TestCallsSurviveARestart(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason string
		call   func(context.Context, *Client) error
		calls  int64
		code   pave.Code
	}{
		"get":   {"a read is sent again", func(ctx context.Context, c *Client) error { _, err := c.Service(ctx, "a"); return err }, 2, ""},
		"apply": {"one plan has one run", func(ctx context.Context, c *Client) error { _, err := c.Apply(ctx, "plan_1"); return err }, 2, ""},
		"retry": {"a call with a key is carried out once", func(ctx context.Context, c *Client) error { _, err := c.RetryRun(ctx, "run_1"); return err }, 2, ""},
		"login": {"two logins are not one", func(ctx context.Context, c *Client) error { _, err := c.Login(ctx, "x", "y"); return err }, 1, pave.Unavailable},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int64
			var mu sync.Mutex
			keys := map[string]bool{}
			r := &restarting{t: t}
			r.handler = func(token string) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					calls.Add(1)
					mu.Lock()
					keys[req.Header.Get("Idempotency-Key")] = true
					mu.Unlock()
					_, _ = io.Copy(io.Discard, req.Body) // else the server does not see its caller go
					if token == "1" {                    // it dies with the call in hand
						go func() { r.kill(); r.start() }()
						<-req.Context().Done()
						return
					}
					answer(w, 200, map[string]any{"id": "x"})
				})
			}
			r.start()
			c := New(Options{Server: r.find})
			err := tc.call(t.Context(), c)
			c.Close()
			mu.Lock()
			if len(keys) != 1 || name == "retry" && keys[""] {
				t.Errorf("%s: keys %v", tc.reason, keys)
			}
			mu.Unlock()
			if calls.Load() != tc.calls || pave.CodeOf(err) != tc.code {
				t.Errorf("%s: %d calls, err %v", tc.reason, calls.Load(), err)
			}
			time.Sleep(20 * time.Millisecond)
			r.kill()
		})
	}
}

func TestFollowedLogGoesOnFromItsCursor(t *testing.T) {
	t.Parallel()
	r := &restarting{t: t}
	r.handler = func(string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			since, _ := strconv.Atoi(req.URL.Query().Get("since"))
			for i := since + 1; i <= since+2; i++ {
				_ = json.NewEncoder(w).Encode(pave.LogLine{Cursor: strconv.Itoa(i), Text: "line " + strconv.Itoa(i)})
			}
			_ = http.NewResponseController(w).Flush()
			if since < 4 {
				go func() { r.kill(); r.start() }()
			}
			<-req.Context().Done()
		})
	}
	r.start()
	c := New(Options{Server: r.find})
	var got []string
	err := c.Logs(t.Context(), "a", pave.LogQuery{Follow: true}, func(l pave.LogLine) error {
		if got = append(got, l.Cursor); len(got) == 6 {
			return ErrStop
		}
		return nil
	})
	c.Close()
	r.kill()
	if diff := cmp.Diff([]string{"1", "2", "3", "4", "5", "6"}, got); err != nil || diff != "" {
		t.Errorf("err %v, lines (-want +got):\n%s", err, diff)
	}
}
