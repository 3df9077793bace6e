package templates_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// A collector takes spans as OTLP over HTTP, in JSON.
type collector struct {
	url string

	mu    sync.Mutex
	spans []span
	wrong []string
}

// A span as it was sent, with the name of its service.
type span struct {
	Service  string `json:"-"`
	TraceID  string `json:"traceId"`
	SpanID   string `json:"spanId"`
	ParentID string `json:"parentSpanId"`
	Name     string `json:"name"`
	Kind     int    `json:"kind"`
	Start    string `json:"startTimeUnixNano"`
	End      string `json:"endTimeUnixNano"`
}

type attribute struct {
	Key   string
	Value struct{ StringValue string }
}

func newCollector(t *testing.T) *collector {
	c := &collector{}
	srv := httptest.NewServer(c)
	t.Cleanup(srv.Close)
	c.url = srv.URL
	return c
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		ResourceSpans []struct {
			Resource   struct{ Attributes []attribute }
			ScopeSpans []struct{ Spans []span }
		}
	}
	err := json.NewDecoder(r.Body).Decode(&body)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/json" {
		c.wrong = append(c.wrong, fmt.Sprintf("%s %s %s: %v", r.Method, r.URL, r.Header.Get("Content-Type"), err))
		return
	}
	for _, resource := range body.ResourceSpans {
		service := ""
		for _, a := range resource.Resource.Attributes {
			if a.Key == "service.name" {
				service = a.Value.StringValue
			}
		}
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				s.Service = service
				c.spans = append(c.spans, s)
			}
		}
	}
	_, _ = w.Write([]byte("{}"))
}

// wait waits for the spans of a trace until there is one of each name.
func (c *collector) wait(t *testing.T, trace string, names ...string) []span {
	t.Helper()
	var found []span
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		missing := map[string]bool{}
		for _, name := range names {
			missing[name] = true
		}
		c.mu.Lock()
		found = nil
		for _, s := range c.spans {
			if s.TraceID == trace {
				s.Name = strings.TrimSuffix(s.Name, "{$}") // how Go writes a path that is just that
				found = append(found, s)
				delete(missing, s.Name)
			}
		}
		wrong := c.wrong
		c.mu.Unlock()
		if len(wrong) > 0 {
			t.Fatalf("the collector was sent %v", wrong)
		}
		if len(missing) == 0 {
			return found
		}
	}
	t.Fatalf("of the spans %q of the trace there are %+v", names, found)
	return nil
}
