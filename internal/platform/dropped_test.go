package platform

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pave-platform/pave"
)

// Whoever binds the same module again is told what is not given any more.
func TestDroppedBy(t *testing.T) {
	t.Parallel()
	was := &pave.Module{Source: "https://git.example.com/m.git//db?ref=v1", Mirror: "/srv/m", Import: map[string]string{"a.b": "1"},
		Set: map[string]any{"size": "large", "zones": []any{"a", "b"}, "port": float64(3)}}
	for name, c := range map[string]struct {
		was  *pave.Module
		r    pave.BindRequest
		want string
	}{
		"all of it, of a later version": {was, pave.BindRequest{Source: "https://git.example.com/m.git//db?ref=v2"},
			"--set port=3 again|--set size=large again|--set 'zones=[\"a\",\"b\"]' again|--import a.b=1 again|--mirror /srv/m again"},
		"other values": {was, pave.BindRequest{Source: was.Source, Mirror: "/srv/n", Import: was.Import, Set: map[string]string{"size": "small", "zones": "[]"}}, "--set port=3 again"},
		"another":      {was, pave.BindRequest{Source: "https://git.example.com/m.git//cache?ref=v1"}, ""},
		"nothing":      {nil, pave.BindRequest{Source: was.Source}, ""},
	} {
		var got []string
		for _, note := range droppedBy(c.was, c.r) {
			_, how, _ := strings.Cut(note, "give ")
			got = append(got, how)
		}
		if diff := cmp.Diff(c.want, strings.Join(got, "|")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
