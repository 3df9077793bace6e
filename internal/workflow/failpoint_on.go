//go:build failpoints

package workflow

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/pave-platform/pave"
)

// failpoint kills the process with SIGKILL where PAVE_FAILPOINT says so:
// "KIND/STEP/POINT", with * for any kind or step. PAVE_FAILPOINT_ONCE names a file
// that is made by the first kill and prevents another, over restarts too.
// PAVE_FAILPOINT_FILE names a file that holds such a point while there is one to
// die at; the kill removes it. So a server that runs already can be armed. After
// "stop " it is stopped with SIGSTOP instead.
// PAVE_FAILPOINT_LIST names a file to which every point passed is appended.
func failpoint(point string, kind pave.RunKind, step string) {
	here := fmt.Sprintf("%s/%s/%s", kind, step, point)
	if list := os.Getenv("PAVE_FAILPOINT_LIST"); list != "" {
		appendLine(list, here)
	}
	signal := syscall.SIGKILL
	die := hits(os.Getenv("PAVE_FAILPOINT"), point, kind, step) && firstKill(here)
	if !die {
		die, signal = hitsFile(point, kind, step)
	}
	switch {
	case !die:
	case signal == syscall.SIGSTOP:
		_ = syscall.Kill(os.Getpid(), signal)
		time.Sleep(10 * time.Millisecond) // the signal is on its way
	default:
		_ = syscall.Kill(os.Getpid(), signal)
		select {}
	}
}

// hits reports whether the wanted point is this one.
func hits(want, point string, kind pave.RunKind, step string) bool {
	// Step keys may hold slashes: the kind is before the first, the point after the last.
	wantKind, rest, _ := strings.Cut(want, "/")
	i := strings.LastIndex(rest, "/")
	return i >= 0 && rest[i+1:] == point && (wantKind == "*" || wantKind == string(kind)) && (rest[:i] == "*" || rest[:i] == step)
}

// firstKill reports whether nothing was killed before.
func firstKill(here string) bool {
	once := os.Getenv("PAVE_FAILPOINT_ONCE")
	if once == "" {
		return true
	}
	f, err := os.OpenFile(once, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return false
	}
	defer f.Close()
	fmt.Fprintln(f, here)
	return true
}

// hitsFile reports whether the file names this point, and with which signal, and
// takes it away.
func hitsFile(point string, kind pave.RunKind, step string) (bool, syscall.Signal) {
	path := os.Getenv("PAVE_FAILPOINT_FILE")
	if path == "" {
		return false, 0
	}
	text, err := os.ReadFile(path)
	want, stop := strings.CutPrefix(strings.TrimSpace(string(text)), "stop ")
	signal := syscall.SIGKILL
	if stop {
		signal = syscall.SIGSTOP
	}
	return err == nil && hits(want, point, kind, step) && os.Remove(path) == nil, signal
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
