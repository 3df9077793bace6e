package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/client"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/api"
	"github.com/pave-platform/pave/test/world"
)

func TestMain(m *testing.M) { world.Main(m) }

func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := client.Dial(os.Getenv("PAVE_URL"), os.Getenv("PAVE_TOKEN"))
	defer c.Close()
	made, err := c.CreateService(ctx, client.NewService{Name: "hello", Team: "web", Template: os.Getenv("TEMPLATE"),
		Inputs: map[string]any{"binary": os.Getenv("BINARY")}})
	if err != nil {
		fmt.Println(err, pave.HintOf(err))
		return
	}
	run, err := c.Wait(ctx, made.Run.ID)
	fmt.Println(made.Service, run.State, err)
}

func ExampleClient_Plan() {
	ctx := context.Background()
	c := client.Dial(os.Getenv("PAVE_URL"), os.Getenv("PAVE_TOKEN"))
	defer c.Close()
	plan, err := c.Plan(ctx, pave.Scale{Service: "hello", Replicas: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, change := range plan.Changes {
		if change.Action != pave.ActionKeep {
			fmt.Println(change.Action, change.Ref.Kind)
		}
	}
	run, err := c.Apply(ctx, plan.ID)
	fmt.Println(run.Title, err)
}

func ExampleClient_Service_errors() {
	c := client.Dial(os.Getenv("PAVE_URL"), os.Getenv("PAVE_TOKEN"))
	defer c.Close()
	_, err := c.Service(context.Background(), "helo")
	var e *pave.Error
	fmt.Println(errors.As(err, &e), pave.CodeOf(err) == pave.NotFound, e.Hint)
}

func ExampleClient_Stream() {
	c := client.Dial(os.Getenv("PAVE_URL"), os.Getenv("PAVE_TOKEN"))
	defer c.Close()
	err := c.Stream(context.Background(), pave.EventFilter{Service: "hello"}, func(e pave.Event) error {
		fmt.Println(e.Type)
		return client.ErrStop
	})
	fmt.Println(err)
}

// TestExamples runs the examples against a real server.
func TestExamples(t *testing.T) {
	h := world.New(t)
	t.Setenv("PAVE_URL", h.Stat().URL)
	t.Setenv("PAVE_TOKEN", h.Stat().Token)
	t.Setenv("TEMPLATE", "fixture")
	t.Setenv("BINARY", h.Binaries.Fixture)
	for _, e := range []struct {
		run  func()
		want string
	}{
		{Example, "hello done <nil>\n"},
		{ExampleClient_Plan, "update deployment\nscale hello <nil>\n"},
		{ExampleClient_Service_errors, "true true did you mean hello?\n"},
		{ExampleClient_Stream, "run.started\n<nil>\n"},
	} {
		if got := printed(t, e.run); got != e.want {
			t.Errorf("printed %q, want %q", got, e.want)
		}
	}
}

func printed(t *testing.T, f func()) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	f()
	os.Stdout = stdout
	w.Close()
	var out bytes.Buffer
	if _, err := io.Copy(&out, r); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// noMethod are routes that Go programs do not call.
var noMethod = regexp.MustCompile(`^\S+ (/login.*|/livez|/readyz|/openapi.json|/\.well-known/.*|/git/.*|/v1/hooks/repositories/.*|/services/\{name\}/runs)$`)

// TestEveryRouteHasAMethod calls each method and compares what it asks for with the
// route table, both ways.
func TestEveryRouteHasAMethod(t *testing.T) {
	t.Parallel()
	door, err := api.New(api.Options{Access: access.New(nil), Git: http.NotFoundHandler(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	door.ServeHTTP(w, httptest.NewRequest("GET", "http://127.0.0.1/openapi.json", nil))
	routes := routesOf(t, w.Body.Bytes())
	asked := callAll(t)
	for route, pattern := range routes {
		found := false
		for call := range asked {
			found = found || pattern.MatchString(call)
		}
		if !found && !noMethod.MatchString(route) {
			t.Errorf("no method calls %s", route)
		}
	}
	for call, method := range asked {
		found := false
		for _, pattern := range routes {
			found = found || pattern.MatchString(call)
		}
		if !found {
			t.Errorf("%s calls %s, which is no route", method, call)
		}
	}
}

// callAll calls every method of a client and returns what was asked for, with the
// method that did.
func callAll(t *testing.T) map[string]string {
	t.Helper()
	var mu sync.Mutex
	asked, method := map[string]string{}, ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked[r.Method+" "+r.URL.Path] = method
		mu.Unlock()
		if !strings.HasSuffix(r.URL.Path, "/exec") { // whose body ends with the call
			_, _ = io.Copy(io.Discard, r.Body)
		}
		if strings.HasSuffix(r.URL.Path, "/stream") {
			_, _ = io.WriteString(w, "id: 1\ndata: {\"seq\":1}\n\n")
			return
		}
		_, _ = io.WriteString(w, `{"id":"run_1","state":"done","cursor":"x"}`+"\n")
	}))
	defer func() { // a call whose body does not end holds its connection
		srv.CloseClientConnections()
		srv.Close()
	}()
	c := client.Dial(srv.URL, "t")
	v := reflect.ValueOf(c)
	for i := range v.NumMethod() {
		if method = v.Type().Method(i).Name; method == "Close" || method == "Endpoint" || method == "Raw" {
			continue
		}
		for _, yes := range []bool{true, false} {
			v.Method(i).Call(arguments(t, v.Method(i).Type(), yes))
		}
	}
	return asked
}

// arguments are some of the types that a method wants.
func arguments(t *testing.T, f reflect.Type, yes bool) []reflect.Value {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	var args []reflect.Value
	for i := range f.NumIn() {
		in := f.In(i)
		switch {
		case in == reflect.TypeFor[context.Context]():
			args = append(args, reflect.ValueOf(ctx))
		case in == reflect.TypeFor[pave.Request]():
			args = append(args, reflect.ValueOf(pave.Undo{Run: "run_1"}))
		case in == reflect.TypeFor[pave.PlanFile]():
			args = append(args, reflect.ValueOf(pave.PlanFile{Request: pave.Envelope{Request: pave.Undo{Run: "run_1"}}}))
		case in.Kind() == reflect.String:
			args = append(args, reflect.ValueOf("x").Convert(in))
		case in.Kind() == reflect.Bool:
			args = append(args, reflect.ValueOf(yes))
		case in == reflect.TypeFor[func() (io.ReadCloser, error)]():
			args = append(args, reflect.ValueOf(func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("x")), nil }))
		case in.Kind() == reflect.Func:
			args = append(args, reflect.MakeFunc(in, func([]reflect.Value) []reflect.Value {
				if in.NumOut() == 0 {
					return nil
				}
				return []reflect.Value{reflect.ValueOf(&client.ErrStop).Elem()}
			}))
		case in == reflect.TypeFor[pave.Member]():
			args = append(args, reflect.ValueOf(pave.Member{Team: "x", User: "x"}))
		default:
			args = append(args, reflect.Zero(in))
		}
	}
	return args
}
