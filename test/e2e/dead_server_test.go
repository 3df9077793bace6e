package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pave-platform/pave/test/world"
)

// While the server is dead, a service answers every one of 10,000 requests, and
// what it writes meanwhile is in its log afterwards.
func TestServiceOutlivesServer(t *testing.T) {
	t.Parallel()
	const requests, clients, lines = 10_000, 8, 200
	h := world.New(t)
	create(t, h, h.Fixture("shop", "shopkeepers", "postgresql"))
	h.KeepDown()
	pid := h.KillServer()
	if err := h.Try(t.Context(), http.MethodGet, "/v1/services", nil, nil); err == nil {
		t.Fatalf("server %d answers though it was killed", pid)
	}
	var failed atomic.Int64
	var group sync.WaitGroup
	router := "http://" + h.Stat().Router
	for c := range clients {
		group.Go(func() {
			transport := &http.Transport{MaxIdleConnsPerHost: 1}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport}
			for i := range requests / clients {
				path := "/health/live"
				if n := c*requests/clients + i; n%(requests/lines) == 0 {
					path = fmt.Sprintf("/say/meanwhile-%d-", n/(requests/lines))
				}
				if err := ask(client, router+path); err != nil && failed.Add(1) < 10 {
					t.Errorf("request %d of client %d: %v", i, c, err)
				}
			}
		})
	}
	group.Wait()
	if n := failed.Load(); n > 0 {
		t.Errorf("%d of %d requests failed", n, requests)
	}
	if h.Stat().PID != pid {
		t.Fatal("a server was started meanwhile: nothing is proven")
	}
	h.Up()
	var log []byte
	if err := h.Call(http.MethodGet, "/v1/services/shop/logs?tail=1000", nil, &log); err != nil {
		t.Fatal(err)
	}
	for i := range lines {
		if !bytes.Contains(log, fmt.Appendf(nil, "meanwhile-%d-", i)) {
			t.Fatalf("line %d of %d is not in the log of %d bytes", i, lines, len(log))
		}
	}
	check(t, h, world.Service{Name: "shop", Database: true})
}

func ask(c *http.Client, url string) error {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Host = "shop.staging.localhost"
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}
