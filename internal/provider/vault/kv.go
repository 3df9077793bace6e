package vault

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/pave-platform/pave"
)

// An entry is one version of an entry of a KV store.
type entry struct {
	version int // 0: there is none
	gone    bool
	created string
	data    map[string]any
	custom  map[string]string // its custom metadata
	marks   map[string]string // of it what is pave's
}

// payload is the answer to a read, also for a version that was deleted.
type payload struct {
	Data *struct {
		Data     map[string]any
		Metadata struct {
			Version        int
			CreatedTime    string `json:"created_time"`
			DeletionTime   string `json:"deletion_time"`
			Destroyed      bool
			CustomMetadata map[string]string `json:"custom_metadata"`
		}
	}
}

// read returns the newest version, or the one of a number. None is no error.
func (p place) read(ctx context.Context, version int) (entry, error) {
	c := call{method: http.MethodGet, path: p.at("data"), mayMiss: true}
	if version > 0 {
		c.query = "version=" + strconv.Itoa(version)
	}
	var got payload
	c.out = &got
	if err := p.do(ctx, c); err != nil {
		return entry{}, err
	}
	if got.Data == nil {
		return entry{gone: true}, nil
	}
	m := got.Data.Metadata
	e := entry{version: m.Version, gone: got.Data.Data == nil, created: m.CreatedTime, data: got.Data.Data, custom: m.CustomMetadata}
	e.marks = maps.Clone(m.CustomMetadata)
	maps.DeleteFunc(e.marks, func(k, _ string) bool { return !strings.HasPrefix(k, marked) })
	return e, nil
}

// write makes a version after the one that was read, with this content alone.
func (p place) write(ctx context.Context, e entry, data map[string]any) error {
	if data == nil {
		data = map[string]any{}
	}
	return p.newer(ctx, http.MethodPost, e, data)
}

// patch makes a version after the one that was read, with another value of the key; nil
// takes it out.
func (p place) patch(ctx context.Context, e entry, value any) error {
	return p.newer(ctx, http.MethodPatch, e, map[string]any{p.key: value})
}

// newer makes the version after the one that was read, if nobody else did.
func (p place) newer(ctx context.Context, method string, e entry, data map[string]any) error {
	var got struct{ Data struct{ Version int } }
	err := p.do(ctx, call{method: method, path: p.at("data"), out: &got,
		in: map[string]any{"options": map[string]any{"cas": e.version}, "data": data}})
	if err == nil && got.Data.Version <= e.version {
		return pave.Errorf(pave.Unavailable, "%s does not say that %s was written", p.cfg.address.Host, p.entryName())
	}
	return err
}

// mark changes the custom metadata; nil takes one out.
func (p place) mark(ctx context.Context, marks map[string]any) error {
	return p.do(ctx, call{method: http.MethodPatch, path: p.at("metadata"), in: map[string]any{"custom_metadata": marks}})
}

// remove deletes the entry with all its versions.
func (p place) remove(ctx context.Context) error {
	return p.do(ctx, call{method: http.MethodDelete, path: p.at("metadata"), mayMiss: true})
}

// scrub destroys the versions before the newest that hold the key, unless they hold a key
// that is not pave's.
func (p place) scrub(ctx context.Context, newest entry) error {
	var got struct {
		Data struct {
			Versions map[string]struct {
				Destroyed    bool
				DeletionTime string `json:"deletion_time"`
			}
		}
	}
	if err := p.do(ctx, call{method: http.MethodGet, path: p.at("metadata"), out: &got, mayMiss: true}); err != nil {
		return err
	}
	var doomed []int
	for text, v := range got.Data.Versions {
		n, err := strconv.Atoi(text)
		if err != nil || v.Destroyed || n == newest.version {
			continue
		}
		old, err := p.read(ctx, n)
		if err != nil {
			return err
		}
		if _, has := old.data[p.key]; has && p.ours(old.data, newest.marks) {
			doomed = append(doomed, n)
		}
	}
	if len(doomed) == 0 {
		return nil
	}
	slices.Sort(doomed)
	return p.do(ctx, call{method: http.MethodPost, path: p.at("destroy"), in: map[string]any{"versions": doomed}})
}

// ours reports whether all keys of a version are marked as pave's.
func (p place) ours(data map[string]any, marks map[string]string) bool {
	for key := range data {
		known := func(name string) bool { return name == mark(key) || strings.HasPrefix(name, mark(key)+"~") }
		if key != p.key && !slices.ContainsFunc(slices.Collect(maps.Keys(marks)), known) {
			return false
		}
	}
	return true
}

// at is the path of the entry at one of the store's doors.
func (p place) at(door string) string { return p.mount + "/" + door + "/" + p.entry }

// isMismatch reports whether somebody else wrote, or took away, what a change was made for.
func isMismatch(err error) bool {
	var a *answer
	return errors.As(err, &a) && (a.status == http.StatusNotFound || a.mismatch())
}

func (a *answer) mismatch() bool {
	return a.status == http.StatusBadRequest && strings.Contains(strings.Join(a.errors, " "), "check-and-set parameter did not match")
}
