package platform

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/pave-platform/pave"
)

// counted counts how often a tree is opened.
type counted struct {
	fstest.MapFS
	opened *int
}

func (c counted) Open(name string) (fs.File, error) {
	*c.opened++
	return c.MapFS.Open(name)
}

func TestDetections(t *testing.T) {
	t.Parallel()
	var d detections
	opened := 0
	tree := counted{fstest.MapFS{"index.html": {Data: []byte("<h1>x</h1>")}}, &opened}
	look := func(commit string, want pave.Wanted) bool {
		before := opened
		pipe, err := d.detect("svc_1", commit, tree, want)
		if err != nil || pipe.Language != "static" {
			t.Fatalf("%+v, %v", pipe, err)
		}
		return opened > before
	}
	run := pave.Wanted{Run: &pave.Override{Ready: "/"}}
	for i, c := range []struct {
		commit string
		want   pave.Wanted
		looks  bool
	}{{"a", pave.Wanted{}, true}, {"a", pave.Wanted{}, false}, {"b", pave.Wanted{}, true}, {"b", run, true}, {"b", run, false}, {"a", run, true}} {
		if got := look(c.commit, c.want); got != c.looks {
			t.Errorf("look %d: %v, want %v", i, got, c.looks)
		}
	}
	d.forget("svc_1")
	if !look("a", run) || len(d.all) != 1 {
		t.Error("a service that was forgotten is still known")
	}
	empty := fstest.MapFS{}
	for range 2 { // what is wrong with a commit is remembered too
		if _, err := d.detect("svc_2", "a", empty, pave.Wanted{}); pave.CodeOf(err) != pave.Invalid {
			t.Error(err)
		}
	}
}
