package vault

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// maxEntries is how many entries List looks at in one store.
const maxEntries = 20000

// List returns all keys with a mark, in the stores of all bindings there are.
func (d *Driver) List(ctx context.Context) ([]resource.Found, error) {
	bounds, err := d.Bounds(ctx)
	if err != nil {
		return nil, err
	}
	var out []resource.Found
	var seen []string
	for _, b := range bounds {
		s, err := d.shelf(b)
		if err != nil {
			return nil, err
		}
		prefix, depth := s.kv.root()
		where := strings.Join([]string{s.cfg.address.Host, s.cfg.namespace, s.kv.mount, prefix}, " ")
		if slices.Contains(seen, where) { // bindings that sign in another way
			continue
		}
		seen = append(seen, where)
		w := walk{shelf: s, left: maxEntries}
		if err := w.folder(ctx, prefix, depth); err != nil {
			return nil, err
		}
		out = append(out, w.found...)
	}
	return out, nil
}

// A walk goes through the folders of a store.
type walk struct {
	shelf
	left  int
	found []resource.Found
}

// folder looks at the entries that lie depth names below a path.
func (w *walk) folder(ctx context.Context, path string, depth int) error {
	var got struct{ Data struct{ Keys []string } }
	err := w.do(ctx, call{method: http.MethodGet, path: strings.TrimSuffix(w.kv.mount+"/metadata/"+path, "/"), query: "list=true", out: &got, mayMiss: true})
	if err != nil {
		return err
	}
	for _, name := range got.Data.Keys {
		folder := strings.HasSuffix(name, "/")
		if folder != (depth > 1) {
			continue // none of pave's
		}
		at := strings.TrimPrefix(path+"/"+strings.TrimSuffix(name, "/"), "/")
		next := func() error { return w.folder(ctx, at, depth-1) }
		if !folder {
			next = func() error { return w.entry(ctx, at) }
		}
		if err := next(); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) entry(ctx context.Context, path string) error {
	if w.left--; w.left < 0 {
		return pave.Errorf(pave.Invalid, "there are more than %d entries below %s:%s", maxEntries, w.kv.mount, path)
	}
	var got struct {
		Data struct {
			CustomMetadata map[string]string `json:"custom_metadata"`
		}
	}
	if err := w.do(ctx, call{method: http.MethodGet, path: w.kv.mount + "/metadata/" + path, out: &got, mayMiss: true}); err != nil {
		return err
	}
	for name, id := range got.Data.CustomMetadata {
		key, ours := strings.CutPrefix(name, marked)
		if !ours {
			continue
		}
		key, _, _ = strings.Cut(key, "~")
		w.found = append(w.found, resource.Found{ID: id, ExternalID: w.kv.mount + ":" + path + "#" + key})
	}
	return nil
}
