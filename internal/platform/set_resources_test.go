package platform

import (
	"testing"

	"github.com/pave-platform/pave"
)

func TestAmounts(t *testing.T) {
	t.Parallel()
	const invalid = -1
	for _, tc := range []struct {
		read func(string) (int, error)
		text string
		want int
	}{
		{memoryMB, "512Mi", 512}, {memoryMB, "2Gi", 2048}, {memoryMB, "none", 0}, {memoryMB, "", 0}, {memoryMB, "128Mi", 128},
		{memoryMB, "127Mi", invalid}, {memoryMB, "512", invalid}, {memoryMB, "512MB", invalid}, {memoryMB, "-1Mi", invalid},
		{memoryMB, "9999999Gi", invalid}, {memoryMB, "0Mi", invalid}, {memoryMB, "1.5Gi", invalid}, {memoryMB, "99999999999999999999Mi", invalid},
		{milliCPU, "500m", 500}, {milliCPU, "1.5", 1500}, {milliCPU, "2", 2000}, {milliCPU, "0.25", 250}, {milliCPU, "none", 0}, {milliCPU, "", 0},
		{milliCPU, "9m", invalid}, {milliCPU, "257", invalid}, {milliCPU, "1,5", invalid}, {milliCPU, "1e3", invalid}, {milliCPU, "NaN", invalid}, {milliCPU, "0", invalid},
	} {
		got, err := tc.read(tc.text)
		if tc.want == invalid {
			if pave.CodeOf(err) != pave.Invalid {
				t.Errorf("%q: got %d, %v; want Invalid", tc.text, got, err)
			}
			continue
		}
		if got != tc.want || err != nil {
			t.Errorf("%q: got %d, %v; want %d", tc.text, got, err, tc.want)
		}
	}
}
