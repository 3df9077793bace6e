package node

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/job"
)

const (
	defaultJobTimeout = time.Hour
	maxJobTimeout     = 24 * time.Hour
	maxRunningJobs    = 64
	maxJobRecords     = 500
	keepJobs          = 24 * time.Hour
	maxWait           = time.Minute // of one long poll
)

// A jobRun is a job that runs in this node, or ran.
type jobRun struct {
	n    *Node
	id   string
	log  *logFile
	tail *job.Tail
	proc *job.Process  // nil when it did not start
	done chan struct{} // closed when its end is on record
}

func (j *Job) check() error {
	if err := checkID(j.ID); err != nil {
		return err
	}
	if err := (job.Spec{Command: j.Command, Env: j.Vars, Secrets: j.Secrets, Limits: j.Limits}).Check(); err != nil {
		return err
	}
	if info, err := os.Stat(j.Dir); err != nil || !info.IsDir() || !filepath.IsAbs(j.Dir) {
		return pave.BadField("dir", j.Dir, "is not a folder with an absolute path", "name the folder to run in")
	}
	if j.Timeout < 0 || j.Timeout > maxJobTimeout {
		return pave.BadField("timeout", j.Timeout.String(), fmt.Sprintf("must be up to %s", maxJobTimeout), "for example 10m")
	}
	if j.Timeout == 0 {
		j.Timeout = defaultJobTimeout
	}
	return checkUID(j.UID)
}

// putJob starts a job unless it was started before. One that was lost is started
// anew.
func (n *Node) putJob(spec Job) (JobStatus, error) {
	if err := spec.check(); err != nil {
		return JobStatus{}, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopping {
		return JobStatus{}, errStopping()
	}
	if old, ok := n.want.Jobs[spec.ID]; ok && old.State != JobLost {
		return n.jobStatus(old), nil
	}
	running := 0
	for _, j := range n.want.Jobs {
		if j.State == JobRunning {
			running++
		}
	}
	if running >= maxRunningJobs {
		return JobStatus{}, pave.Errorf(pave.Unavailable, "%d jobs are running already", running).WithHint("retry when some of them have ended")
	}
	log, err := n.logOf("job", spec.ID)
	if err != nil {
		return JobStatus{}, err
	}
	record := JobStatus{ID: spec.ID, State: JobRunning, Started: time.Now().UTC()}
	if err := put(n, n.want.Jobs, spec.ID, record); err != nil {
		return JobStatus{}, err
	}
	run := &jobRun{n: n, id: spec.ID, log: log, tail: job.NewTail(lastLines), done: make(chan struct{})}
	n.jobs[spec.ID] = run
	if err := run.start(spec); err != nil {
		record.State, record.ExitCode, record.Reason, record.Ended = JobFailed, -1, err.Error(), time.Now().UTC()
		log.add(spec.ID, "node", err.Error())
		run.settle(record)
		return record, nil
	}
	go run.wait(record, spec.UID)
	return record, nil
}

func (j *jobRun) start(spec Job) error {
	env, err := j.n.environment(spec.ID, j.n.workDir("job", spec.ID), spec.UID, spec.Vars)
	if err != nil {
		return err
	}
	j.proc, err = job.Start(job.Spec{
		ID: j.n.jobMark(spec.ID), Dir: spec.Dir, Command: spec.Command, Env: env, Secrets: spec.Secrets,
		UID: spec.UID, Limits: spec.Limits, Timeout: spec.Timeout,
		Output: func(l job.Line) {
			j.tail.Add(l.Text)
			j.log.add(spec.ID, l.Stream, l.Text)
		},
	})
	return err
}

// wait puts the end of the job on record.
func (j *jobRun) wait(record JobStatus, uid int) {
	select {
	case <-j.proc.Done():
	case <-j.n.life.Done():
		return // lost to the next node
	}
	if !j.n.opts.guest {
		j.n.endStrays(j.id, uid)
	}
	res := j.proc.Result()
	record.Ended, record.ExitCode = res.Ended.UTC(), res.ExitCode
	record.TimedOut, record.Canceled = res.TimedOut, res.Canceled
	record.Killed = res.Signal == syscall.SIGKILL.String() && !res.TimedOut && !res.Canceled
	record.LastLines = j.tail.Lines()
	record.State = JobDone
	if !res.OK() {
		record.State, record.Reason = JobFailed, res.Reason()
	}
	j.n.mu.Lock()
	defer j.n.mu.Unlock()
	if j.n.stopping && res.Canceled { // nobody wanted this end: the same put runs it anew
		record.State, record.Reason = JobLost, "the node went down while the job ran"
	}
	j.settle(record)
}

// settle writes the end down. The caller holds the node's mu.
func (j *jobRun) settle(record JobStatus) {
	if err := put(j.n, j.n.want.Jobs, j.id, record); err != nil {
		// It stays true in memory, and is written with the next change.
		j.n.want.Jobs[j.id] = record
		j.n.log.Error("cannot write down the end of a job", "job", j.id, "err", err)
	}
	_ = os.RemoveAll(j.n.workDir("job", j.id))
	j.log.end()
	close(j.done)
}

// cancel ends the job and waits for its end.
func (j *jobRun) cancel() {
	if j.proc != nil {
		j.proc.Stop()
	}
	select {
	case <-j.done:
	case <-j.n.life.Done():
	}
}

// jobStatus adds what a running job wrote last. The caller holds mu.
func (n *Node) jobStatus(record JobStatus) JobStatus {
	if run := n.jobs[record.ID]; run != nil && record.State == JobRunning {
		record.LastLines = run.tail.Lines()
	}
	return record
}

// job returns the status of a job; of a running one when it has ended, or the
// wait is over.
func (n *Node) job(ctx context.Context, id string, wait time.Duration) (JobStatus, error) {
	n.mu.Lock()
	record, ok := n.want.Jobs[id]
	run := n.jobs[id]
	n.mu.Unlock()
	if !ok {
		return JobStatus{}, notFound("job", id)
	}
	if record.State == JobRunning && run != nil && wait > 0 {
		timer := time.NewTimer(min(wait, maxWait))
		defer timer.Stop()
		select {
		case <-run.done:
		case <-timer.C:
		case <-ctx.Done():
		case <-n.life.Done():
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if record, ok = n.want.Jobs[id]; !ok {
		return JobStatus{}, notFound("job", id)
	}
	return n.jobStatus(record), nil
}

func (n *Node) cancelJob(id string) (JobStatus, error) {
	n.mu.Lock()
	run := n.jobs[id]
	n.mu.Unlock()
	if run != nil {
		run.cancel()
	}
	return n.job(context.Background(), id, 0)
}

// deleteJob ends a job and forgets it, with its log. Absence is success.
func (n *Node) deleteJob(id string) error {
	n.mu.Lock()
	run := n.jobs[id]
	n.mu.Unlock()
	if run != nil {
		run.cancel()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.forgetJob(id)
}

// forgetJob takes an ended job out of the records. The caller holds mu.
func (n *Node) forgetJob(id string) error {
	if err := drop(n, n.want.Jobs, id); err != nil {
		return err
	}
	delete(n.jobs, id)
	n.dropLog("job", id)
	_ = os.RemoveAll(n.workDir("job", id))
	return nil
}

// forgetJobs bounds the records: those that ended a day ago, and the oldest of
// too many, go.
func (n *Node) forgetJobs() {
	n.mu.Lock()
	defer n.mu.Unlock()
	var ended []JobStatus
	for _, j := range n.want.Jobs {
		if j.State != JobRunning {
			ended = append(ended, j)
		}
	}
	slices.SortFunc(ended, func(a, b JobStatus) int { return cmp.Compare(a.Ended.UnixNano(), b.Ended.UnixNano()) })
	for i, j := range ended {
		if len(ended)-i <= maxJobRecords && time.Since(j.Ended) < keepJobs {
			return
		}
		if err := n.forgetJob(j.ID); err != nil {
			n.log.Error("cannot forget a job", "job", j.ID, "err", err)
			return
		}
	}
}

// loseJobs marks what ran in a node that died. Its processes have been ended. The
// caller holds mu and saves.
func (n *Node) loseJobs() {
	for id, j := range n.want.Jobs {
		if j.State == JobRunning {
			j.State, j.ExitCode, j.Ended = JobLost, -1, time.Now().UTC()
			j.Reason = "the node died while the job ran"
			n.want.Jobs[id] = j
			_ = os.RemoveAll(n.workDir("job", id))
		}
	}
}
