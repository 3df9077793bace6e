package httpc_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/pave-platform/pave/internal/httpc"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	date := func(in time.Duration) string { return now.Add(in).Format(http.TimeFormat) }
	for text, want := range map[string]time.Duration{
		"0": 0, "30": 30 * time.Second, "-5": 0, "99999999": time.Hour,
		date(time.Minute): time.Minute, date(-time.Minute): -time.Minute, date(48 * time.Hour): time.Hour,
	} {
		if at, ok := httpc.RetryAfter(text, now); !ok || !at.Equal(now.Add(want)) {
			t.Errorf("%q: %v, %v", text, at.Sub(now), ok)
		}
	}
	for _, text := range []string{"", "soon", "1.5", "99999999999999999999"} {
		if at, ok := httpc.RetryAfter(text, now); ok {
			t.Errorf("%q: %v", text, at)
		}
	}
}
