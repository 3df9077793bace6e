package vaulttest

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// item is an entry of the store with its versions, the first of which is number 1.
type item struct {
	versions []*version
	custom   map[string]string
}

type version struct {
	data      map[string]any
	created   time.Time
	deleted   time.Time
	destroyed bool
}

const (
	missedCAS  = "check-and-set parameter did not match the current version"
	maxVersion = 10
)

// store is the KV engine.
func (f *fake) store(r *http.Request, door, path string, in map[string]any) reply {
	e := f.kv[path]
	switch door + " " + r.Method {
	case "data GET":
		return e.read(r.URL.Query().Get("version"))
	case "data POST", "data PUT":
		return f.write(path, in)
	case "data PATCH":
		return e.patch(in)
	case "data DELETE":
		if v := e.newest(); v != nil {
			v.deleted = time.Now()
		}
		return reply{status: 204}
	case "metadata GET":
		if r.URL.Query().Get("list") == "true" {
			return f.list(path)
		}
		return e.metadata()
	case "metadata PATCH":
		return e.mark(in)
	case "metadata DELETE":
		delete(f.kv, path)
		return reply{status: 204}
	case "destroy POST", "destroy PUT":
		numbers, _ := in["versions"].([]any)
		for _, n := range numbers {
			if i := int(n.(float64)); e != nil && i >= 1 && i <= len(e.versions) {
				e.versions[i-1].destroyed, e.versions[i-1].data = true, nil
			}
		}
		return reply{status: 204}
	}
	return fail(405, "unsupported operation")
}

func (e *item) newest() *version {
	if e == nil || len(e.versions) == 0 {
		return nil
	}
	return e.versions[len(e.versions)-1]
}

func (e *item) read(number string) reply {
	v, n := e.newest(), 0
	if e != nil {
		n = len(e.versions)
	}
	if i, err := strconv.Atoi(number); err == nil && i > 0 {
		if v, n = nil, i; e != nil && i <= len(e.versions) && i > len(e.versions)-maxVersion {
			v = e.versions[i-1]
		}
	}
	if v == nil {
		return fail(404)
	}
	out := map[string]any{"data": v.data, "metadata": e.about(n)}
	if v.destroyed || !v.deleted.IsZero() {
		out["data"] = nil
		return reply{status: 404, data: out}
	}
	return reply{status: 200, data: out}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// about is the metadata of a version.
func (e *item) about(n int) map[string]any {
	v := e.versions[n-1]
	out := map[string]any{"version": n, "created_time": stamp(v.created), "deletion_time": stamp(v.deleted), "destroyed": v.destroyed, "custom_metadata": nil}
	if len(e.custom) > 0 {
		out["custom_metadata"] = e.custom
	}
	return out
}

// checked reports whether the version that a writer saw is the newest.
func (e *item) checked(in map[string]any) bool {
	options, _ := in["options"].(map[string]any)
	cas, given := options["cas"].(float64)
	n := 0
	if e != nil {
		n = len(e.versions)
	}
	return !given || int(cas) == n
}

func (f *fake) write(path string, in map[string]any) reply {
	data, ok := in["data"].(map[string]any)
	if !ok {
		return fail(400, "no data provided")
	}
	if !f.kv[path].checked(in) {
		return fail(400, missedCAS)
	}
	if f.kv[path] == nil {
		f.kv[path] = &item{custom: map[string]string{}}
	}
	return f.kv[path].add(data)
}

func (e *item) add(data map[string]any) reply {
	e.versions = append(e.versions, &version{data: data, created: time.Now()})
	return reply{status: 200, data: e.about(len(e.versions))}
}

// patch merges keys into the newest version.
func (e *item) patch(in map[string]any) reply {
	v := e.newest()
	if v == nil || v.destroyed || !v.deleted.IsZero() {
		return reply{status: 404}
	}
	if !e.checked(in) {
		return fail(400, missedCAS)
	}
	data := maps.Clone(v.data)
	changed, _ := in["data"].(map[string]any)
	for k, v := range changed {
		if data[k] = v; v == nil {
			delete(data, k)
		}
	}
	return e.add(data)
}

// mark merges custom metadata.
func (e *item) mark(in map[string]any) reply {
	if e == nil {
		return reply{status: 404}
	}
	custom := maps.Clone(e.custom)
	changed, _ := in["custom_metadata"].(map[string]any)
	for k, v := range changed {
		text, ok := v.(string)
		if custom[k] = text; !ok {
			delete(custom, k)
		}
		if len(k) > 128 || len(text) > 512 {
			return fail(400, "custom_metadata validation failed")
		}
	}
	if len(changed) > 64 { // of one request, not of the entry
		return fail(400, "custom_metadata validation failed: payload must contain at most 64 keys")
	}
	e.custom = custom
	return reply{status: 204}
}

func (e *item) metadata() reply {
	if e == nil {
		return fail(404)
	}
	versions := map[string]any{}
	for i := range e.versions {
		if i+1 > len(e.versions)-maxVersion {
			about := e.about(i + 1)
			delete(about, "custom_metadata")
			delete(about, "version")
			versions[strconv.Itoa(i+1)] = about
		}
	}
	return reply{status: 200, data: map[string]any{"current_version": len(e.versions), "custom_metadata": e.custom, "versions": versions}}
}

func (f *fake) list(folder string) reply {
	folder = strings.TrimSuffix(folder, "/") + "/"
	keys := []string{}
	for path := range f.kv {
		if rest, ok := strings.CutPrefix(path, folder); ok {
			if name, _, deeper := strings.Cut(rest, "/"); deeper {
				rest = name + "/"
			}
			keys = append(keys, rest)
		}
	}
	if len(keys) == 0 {
		return fail(404)
	}
	slices.Sort(keys)
	return reply{status: 200, data: map[string]any{"keys": slices.Compact(keys)}}
}
