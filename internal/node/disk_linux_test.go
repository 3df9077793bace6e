package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pave-platform/pave"
)

func TestFullDiskIsToldAndNothingIsHalfDone(t *testing.T) {
	t.Parallel()
	home := newHome(t)
	if err := os.MkdirAll(home, 0o711); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", home, "tmpfs", 0, "size=512k,mode=0711"); err != nil {
		t.Skip("a small file system needs root:", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(home, syscall.MNT_DETACH) })
	b := newBench(t, func(o *Options) { o.Home, o.KeyFile = home, home+"-key/node.key" })
	if _, err := b.PutRoute(t.Context(), Route{ID: "before", Host: "a.localhost", Workload: "w"}); err != nil {
		t.Fatal(err)
	}
	fill := filepath.Join(home, "fill")
	_ = os.WriteFile(fill, make([]byte, 1<<20), 0o600)
	_, err := b.PutRoute(t.Context(), Route{ID: "during", Host: "b.localhost", Workload: "w"})
	if pave.CodeOf(err) != pave.Unavailable || !strings.Contains(fmt.Sprint(err), "disk full") || pave.HintOf(err) == "" {
		t.Errorf("put on a full disk: %v", err)
	}
	if all, _ := b.Routes(t.Context()); len(all) != 1 {
		t.Errorf("the refused route is there: %+v", all)
	}
	os.Remove(fill)
	if _, err := b.PutRoute(t.Context(), Route{ID: "after", Host: "b.localhost", Workload: "w"}); err != nil {
		t.Errorf("put when there is room again: %v", err)
	}
}
