package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave/internal/job"
)

// A program that leaves its job's session, environment and parents ends with the
// job all the same; what another job of the user runs goes on.
func TestJobLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("strays are told apart by their user, which takes root")
	}
	const user = 70777
	home := newHome(t)
	b := &bench{t: t, uid: user, Client: Dial(filepath.Join(home, "run", "node.sock"))}
	cmd := nodeProcess(t, home)
	t.Cleanup(func() { end(t, b.Client, cmd) })
	info := waitUp(t, b.Client)
	of := func() (n int) {
		return len(job.Find(func(p job.Proc) bool { return p.UID() == user && p.Parent == info.PID }))
	}
	await := func(n int) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); of() != n; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d children of the node run as the user, want %d", of(), n)
			}
		}
	}
	other := b.job("other")
	other.Command = []string{"/bin/sh", "-c", "(env -i sleep 3000 &); exec sleep 3000"} // an orphan, but in its session
	if _, err := b.PutJob(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	await(2)
	bad := b.job("bad")
	bad.Command = []string{"/bin/sh", "-c", `for i in 1 2 3; do (setsid env -i PAVE_JOB=forged sh -c "sleep 3000; true" &); done; sleep 0.3`}
	if _, err := b.PutJob(t.Context(), bad); err != nil {
		t.Fatal(err)
	}
	await(2 + 1 + 3) // the job itself, and the three that came to the node
	if st, err := b.Job(t.Context(), "bad", 20*time.Second); err != nil || st.State != JobDone {
		t.Fatalf("%+v, %v", st, err)
	}
	if got := of(); got != 2 {
		t.Errorf("after the job %d children of the node run as the user, want the 2 of the other job", got)
	}
	limits := b.job("limits")
	limits.Command = []string{"/bin/sh", "-c", "grep processes /proc/self/limits"}
	if _, err := b.PutJob(t.Context(), limits); err != nil {
		t.Fatal(err)
	}
	if st, err := b.Job(t.Context(), "limits", 20*time.Second); err != nil || !strings.Contains(strings.Join(st.LastLines, ""), " 4096 ") {
		t.Errorf("a user's processes have no bound: %q %v", st.LastLines, err)
	}
}
