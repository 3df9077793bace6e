package node

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
)

func (b *bench) job(id string, argv ...string) Job {
	return Job{ID: id, Dir: "/", Command: append([]string{program}, argv...), UID: b.uid}
}

func TestJobRunsOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	j := b.job("job_1", "echo", "token", "pvcnry-job-1")
	j.Secrets = map[string]pave.Secret{"TOKEN": pave.NewSecret("pvcnry-job-1")}
	if _, err := b.PutJob(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	st, err := b.Job(t.Context(), "job_1", 10*time.Second)
	if err != nil || st.State != JobDone || st.ExitCode != 0 || st.Ended.IsZero() {
		t.Fatalf("%+v, %v", st, err)
	}
	if want := []string{"token " + pave.Secret{}.String()}; !slices.Equal(st.LastLines, want) {
		t.Errorf("last lines %q, want %q", st.LastLines, want)
	}
	again, err := b.PutJob(t.Context(), j)
	if err != nil || again.Started != st.Started || again.State != JobDone {
		t.Errorf("put again: %+v, %v, want the same run", again, err)
	}
	var text []string
	for line, err := range b.Logs(t.Context(), LogQuery{Job: "job_1", Follow: true}) { // ends with the job
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, line.Text)
	}
	if len(text) != 1 || strings.Contains(text[0], "pvcnry") {
		t.Errorf("log %q", text)
	}
	assertNoSecret(t, b.opts.Home, "pvcnry-job-1")
	if err := b.DeleteJob(t.Context(), "job_1"); err != nil {
		t.Fatal(err)
	}
	if all, err := b.Jobs(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("after delete: %+v, %v", all, err)
	}
}

func TestJobEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	limited := b.job("limited", "sleep")
	limited.Timeout = 200 * time.Millisecond
	cases := map[string]struct {
		reason string
		job    Job
		want   string
	}{
		"limited": {"a job that takes too long is stopped", limited, "time limit"},
		"broken":  {"an exit code other than 0 is a failure", b.job("broken", "broken"), "exit code 4"},
		"absent":  {"a program that is not there is a failure with a reason", Job{ID: "absent", Dir: "/", Command: []string{"/no/such"}, UID: b.uid}, "is not there"},
	}
	for name, c := range cases {
		if _, err := b.PutJob(t.Context(), c.job); err != nil {
			t.Fatal(err)
		}
		st, err := b.Job(t.Context(), name, 10*time.Second)
		if err != nil || st.State != JobFailed || !strings.Contains(st.Reason, c.want) {
			t.Errorf("%s: %+v, %v", c.reason, st, err)
		}
	}
	if _, err := b.PutJob(t.Context(), b.job("long", "sleep")); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if st, err := b.Job(t.Context(), "long", 200*time.Millisecond); err != nil || st.State != JobRunning || time.Since(start) < 150*time.Millisecond {
		t.Errorf("long poll: %+v, %v after %s", st, err, time.Since(start))
	}
	waiter := make(chan JobStatus)
	go func() {
		st, _ := b.Job(t.Context(), "long", 20*time.Second)
		waiter <- st
	}()
	if st, err := b.CancelJob(t.Context(), "long"); err != nil || st.State != JobFailed || !st.Canceled {
		t.Errorf("cancel: %+v, %v", st, err)
	}
	if st := <-waiter; !st.Canceled {
		t.Errorf("who waited got %+v", st)
	}
	if _, err := b.CancelJob(t.Context(), "nobody"); pave.CodeOf(err) != pave.NotFound {
		t.Errorf("cancel of an unknown job: %v", err)
	}
}

func TestJobIsLostWithTheNode(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if _, err := b.PutJob(t.Context(), b.job("job", "sleep")); err != nil {
		t.Fatal(err)
	}
	if err := b.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-b.done
	b.start()
	if st, err := b.Job(t.Context(), "job", 0); err != nil || st.State != JobLost {
		t.Errorf("after a shutdown: %+v, %v, want lost", st, err)
	}
	if st, err := b.PutJob(t.Context(), b.job("job", "echo", "again")); err != nil || st.State != JobRunning {
		t.Errorf("put again: %+v, %v", st, err)
	}
	if st, err := b.Job(t.Context(), "job", 10*time.Second); err != nil || st.State != JobDone {
		t.Errorf("the second time: %+v, %v", st, err)
	}
}

func TestJobRecordsAreBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	n := b.node
	n.mu.Lock()
	now := time.Now()
	for id, ended := range map[string]time.Time{"old": now.Add(-25 * time.Hour), "new": now.Add(-time.Hour)} {
		n.want.Jobs[id] = JobStatus{ID: id, State: JobDone, Ended: ended}
	}
	n.mu.Unlock()
	n.forgetJobs()
	if all, _ := b.Jobs(t.Context()); len(all) != 1 || all[0].ID != "new" {
		t.Errorf("records %+v, want the new one", all)
	}
}
