package platform

import (
	"testing"
	"time"

	"github.com/pave-platform/pave"
)

func TestDurations(t *testing.T) {
	t.Parallel()
	s := func(all ...int) []time.Duration {
		var out []time.Duration
		for _, n := range all {
			out = append(out, time.Duration(n)*time.Second)
		}
		return out
	}
	cases := map[string]struct {
		in   []time.Duration
		want pave.Durations
	}{
		"none":  {nil, pave.Durations{}},
		"one":   {s(7), pave.Durations{Count: 1, P50: 7, P90: 7, Max: 7}},
		"two":   {s(9, 1), pave.Durations{Count: 2, P50: 1, P90: 9, Max: 9}},
		"ten":   {s(10, 9, 8, 7, 6, 5, 4, 3, 2, 1), pave.Durations{Count: 10, P50: 5, P90: 9, Max: 10}},
		"three": {s(3, 1, 2), pave.Durations{Count: 3, P50: 2, P90: 3, Max: 3}},
	}
	for name, c := range cases {
		if got := durations(c.in); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
