package node

import (
	"os"
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
