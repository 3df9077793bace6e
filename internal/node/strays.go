package node

import (
	"os"
	"syscall"
	"time"

	"github.com/pave-platform/pave/internal/job"
)

const (
	strayLooks = 20
	strayPause = 50 * time.Millisecond
)

// endStrays kills what a job that ended has left of its user: programs that left
// their group and session, cleared their environment and lost their parents. They
// have come to the node, since it is the reaper of all it started, so programs of
// other nodes and people are not meant. Jobs that run are left alone, with all that
// can be told to be theirs.
//
// A program is killed when two looks saw it: in the first it may be one of ours
// between fork and exec. A user that workloads share is left alone.
func (n *Node) endStrays(ended string, uid int) {
	if uid == 0 || os.Geteuid() != 0 {
		return
	}
	seen := map[job.Proc]bool{}
	for range strayLooks {
		strays := n.strays(ended, uid)
		if len(strays) == 0 {
			return
		}
		now := map[job.Proc]bool{}
		for _, p := range strays {
			if now[p] = true; seen[p] {
				p.Signal(syscall.SIGKILL)
			}
		}
		seen = now
		time.Sleep(strayPause)
	}
	n.log.Warn("programs of a job that ended go on", "job", ended, "user", uid)
}

// strays are the children of the node that run as the user and belong to no job
// that runs.
func (n *Node) strays(ended string, uid int) []job.Proc {
	n.mu.Lock()
	for _, w := range n.want.Workloads {
		if w.Want.Item.UID == uid {
			n.mu.Unlock()
			return nil
		}
	}
	pids, marks := map[int]bool{}, map[string]bool{}
	for id, run := range n.jobs {
		if id == ended || n.want.Jobs[id].State != JobRunning {
			continue
		}
		marks[n.jobMark(id)] = true
		if run.proc != nil {
			pids[run.proc.PID()] = true
		}
	}
	n.mu.Unlock()
	node := os.Getpid()
	return job.Find(func(p job.Proc) bool {
		return p.Parent == node && p.UID() == uid && !pids[p.PID] && !pids[p.Group] && !pids[p.Session] && !marks[p.Env(job.Marker)]
	})
}

// jobMark is the mark that a job's programs carry.
func (n *Node) jobMark(id string) string { return "job_" + n.mark + "_" + id }
