package node

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pave-platform/pave"
)

func TestWantedFileOfAnotherKeyIsNotOverwritten(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if _, err := b.PutRoute(t.Context(), Route{ID: "rt", Host: "a.localhost", Workload: "w"}); err != nil {
		t.Fatal(err)
	}
	b.end()
	<-b.done
	before, _ := os.ReadFile(b.node.wantedPath())
	o := b.opts
	o.KeyFile += "-other"
	n, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Run(t.Context()); pave.CodeOf(err) != pave.Invalid || pave.HintOf(err) == "" {
		t.Errorf("with another key: %v", err)
	}
	if after, _ := os.ReadFile(b.node.wantedPath()); string(after) != string(before) {
		t.Error("the wanted file was changed")
	}
	b.start()
	if all, err := b.Routes(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("with the right key: %+v, %v", all, err)
	}
}

// A write that was cut off leaves nothing once the node has started again.
func TestCutOffWrites(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.end()
	<-b.done
	kept, cut := filepath.Join(b.opts.Home, "servers", "redis-x", "redis.conf"), []string{filepath.Join(b.opts.Home, ".new-1"), filepath.Join(b.opts.Home, "servers", "redis-x", ".new-2")}
	if err := os.MkdirAll(filepath.Dir(kept), 0o711); err != nil {
		t.Fatal(err)
	}
	for _, file := range append(cut, kept) {
		if err := os.WriteFile(file, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.start()
	for _, file := range cut {
		if _, err := os.Lstat(file); !os.IsNotExist(err) {
			t.Errorf("%s is there: %v", file, err)
		}
	}
	if _, err := os.Lstat(kept); err != nil {
		t.Error(err)
	}
}
