package e2e_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pave-platform/pave/test/world"
)

// TestWebhookStory: an address is told of what runs, by commands, and the server's
// death loses nothing.
func TestWebhookStory(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	secret, got := "", []string{}
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // a cut body has a wrong signature
		mu.Lock()
		defer mu.Unlock()
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%s.%s", r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp"), body)
		if err != nil || r.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
			t.Errorf("signature %q (%v)", r.Header.Get("webhook-signature"), err)
		}
		got = append(got, string(body))
	}))
	defer srv.Close()
	told := func(words ...string) bool {
		mu.Lock()
		defer mu.Unlock()
		for _, body := range got {
			all := true
			for _, w := range words {
				all = all && strings.Contains(body, w)
			}
			if all {
				return true
			}
		}
		return false
	}
	h := world.New(t, "PAVE_ALLOW=127.0.0.1")
	ctx, cancel := context.WithTimeout(t.Context(), world.Patience)
	defer cancel()
	out, err := h.Command(ctx, "create", "webhook", srv.URL+"/pave", "--events", "run.*", "-q")
	if err != nil {
		t.Fatal(out, err)
	}
	mu.Lock()
	secret = strings.TrimSpace(out)
	mu.Unlock()
	out, err = h.Command(ctx, "list", "webhooks", "-o", "name")
	if err != nil {
		t.Fatal(out, err)
	}
	if out, err := h.Command(ctx, "test", "webhook", strings.TrimSpace(out)); err != nil || !strings.Contains(out, "Delivered") || !told("webhook.test") {
		t.Errorf("pave test webhook: %s %v", out, err)
	}
	id, err := h.Create(h.Fixture("shop", "web", "none"))
	if err != nil {
		t.Fatal(err)
	}
	h.KillServer()
	h.Up()
	if _, err := h.Wait(id); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(world.Patience); !told("run.done", id, `"service":"shop"`, `"team":"web"`) || !told("run.started", id); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not told of %s: %v", id, got)
		}
	}
}
