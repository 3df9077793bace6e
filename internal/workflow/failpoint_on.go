//go:build failpoints

package workflow

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/pave-platform/pave"
)

// failpoint kills the process with SIGKILL where PAVE_FAILPOINT says so:
// "KIND/STEP/POINT", with * for any kind or step. PAVE_FAILPOINT_ONCE names a file
// that is made by the first kill and prevents another, over restarts too.
// PAVE_FAILPOINT_LIST names a file to which every point passed is appended.
func failpoint(point string, kind pave.RunKind, step string) {
	here := fmt.Sprintf("%s/%s/%s", kind, step, point)
	if list := os.Getenv("PAVE_FAILPOINT_LIST"); list != "" {
		appendLine(list, here)
	}
	// Step keys may hold slashes: the kind is before the first, the point after the last.
	want := os.Getenv("PAVE_FAILPOINT")
	wantKind, rest, _ := strings.Cut(want, "/")
	i := strings.LastIndex(rest, "/")
	if i < 0 || rest[i+1:] != point || (wantKind != "*" && wantKind != string(kind)) || (rest[:i] != "*" && rest[:i] != step) {
		return
	}
	if once := os.Getenv("PAVE_FAILPOINT_ONCE"); once != "" {
		f, err := os.OpenFile(once, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return // killed before
		}
		fmt.Fprintln(f, here)
		f.Close()
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // the signal is on its way
}

// failpointStep is failpoint for a step that is not loaded yet.
func failpointStep(ctx context.Context, x *executor, point string, id stepID) {
	var kind pave.RunKind
	if err := x.db.QueryRow(ctx, `SELECT kind FROM runs WHERE id = $1`, id.run).Scan(&kind); err == nil {
		failpoint(point, kind, id.key)
	}
}

func appendLine(path, text string) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic("PAVE_FAILPOINT_LIST: " + err.Error())
	}
	defer f.Close()
	fmt.Fprintln(f, text)
}
