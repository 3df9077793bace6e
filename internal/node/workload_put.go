package node

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/job"
)

func (w *Workload) check() error {
	if err := checkID(w.ID); err != nil {
		return err
	}
	if w.Generation == "" || len(w.Generation) > 200 {
		return pave.BadField("generation", w.Generation, "must be 1 to 200 characters", "name the release")
	}
	if err := (job.Spec{Command: w.Command, Env: w.Vars, Secrets: w.Secrets, Limits: w.Limits}).Check(); err != nil {
		return err
	}
	if info, err := os.Stat(w.Dir); err != nil || !info.IsDir() || !filepath.IsAbs(w.Dir) {
		return pave.BadField("dir", w.Dir, "is not a folder with an absolute path", "name the folder of the release")
	}
	if w.Replicas < 0 || w.Replicas > maxReplicas {
		return pave.BadField("replicas", fmt.Sprint(w.Replicas), fmt.Sprintf("must be 1 to %d", maxReplicas), "for example: --replicas 2")
	}
	if w.ReadyPath != "" && w.ReadyPath != readyTCP && !strings.HasPrefix(w.ReadyPath, "/") {
		return pave.BadField("ready path", w.ReadyPath, "does not start with /, and is not tcp", "for example /healthz")
	}
	if w.ReadyTimeout < 0 || w.ReadyTimeout > time.Hour {
		return pave.BadField("ready timeout", w.ReadyTimeout.String(), "must be up to one hour", "for example 30s")
	}
	w.Replicas = max(w.Replicas, 1)
	if w.ReadyTimeout == 0 {
		w.ReadyTimeout = defaultReadyTimeout
	}
	return checkUID(w.UID)
}

// key tells generations apart: all of the item but the number of replicas.
func generationKey(w Workload) string {
	w.Replicas = 0
	data, _ := json.Marshal(workloadWire(w)) // maps are written in order of keys
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// putWorkload makes w the wanted item of its id.
func (n *Node) putWorkload(w Workload) error {
	if err := w.check(); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopping {
		return errStopping()
	}
	if w.Identity != "" {
		i, ok := n.want.Identities[w.Identity]
		if !ok {
			return pave.BadField("identity", w.Identity, "is not on the node", "put the identity first")
		}
		if i.UID != w.UID {
			return pave.BadField("identity", w.Identity, fmt.Sprintf("belongs to uid %d, not %d", i.UID, w.UID), "use one uid for both")
		}
	}
	entry := &wantedWorkload{Want: workloadWire(w)}
	if old := n.want.Workloads[w.ID]; old != nil {
		if was := old.workload(); was.Replicas == w.Replicas && generationKey(was) == generationKey(w) && n.workloads[w.ID] != nil {
			return nil
		}
		entry = old.replacedBy(w)
	}
	if err := put(n, n.want.Workloads, w.ID, entry); err != nil {
		return err
	}
	n.tellParties()
	if run := n.workloads[w.ID]; run != nil {
		run.set(w)
		return nil
	}
	return n.startWorkload(w.ID, entry)
}

// replacedBy keeps what is known of the generation that serves.
func (o *wantedWorkload) replacedBy(w Workload) *wantedWorkload {
	entry := &wantedWorkload{Want: workloadWire(w), Serving: o.Serving}
	key := generationKey(w)
	switch {
	case generationKey(o.workload()) == key:
		entry.Served, entry.Failure = o.Served, o.Failure
	case o.Serving != nil && generationKey(fromWire(o.Serving)) == key: // back to what serves
		entry.Serving, entry.Served = nil, true
	case o.Served:
		entry.Serving = o.Want
	}
	return entry
}

func (o *wantedWorkload) workload() Workload { return fromWire(o.Want) }

func fromWire(w *wire[Workload]) Workload {
	out := w.Item
	out.Secrets = w.secrets()
	return out
}

// deleteWorkload stops an item and forgets it. Absence is success.
func (n *Node) deleteWorkload(id string) error {
	n.mu.Lock()
	w := n.workloads[id]
	err := drop(n, n.want.Workloads, id)
	if err == nil {
		delete(n.workloads, id)
		n.tellParties()
	}
	n.mu.Unlock()
	if err != nil || w == nil {
		return err
	}
	w.stop()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.workloads[id] == nil { // not put again meanwhile
		n.dropLog("workload", id)
		_ = os.RemoveAll(n.workDir("workload", id))
	}
	return nil
}

func (n *Node) workDir(kind, id string) string {
	return filepath.Join(n.opts.Home, "work", kind+"-"+id)
}

// recordServing writes down that the wanted generation serves.
func (n *Node) recordServing(id, key string) {
	n.record(id, key, func(e *wantedWorkload) { e.Serving, e.Served, e.Failure = nil, true, nil })
}

// recordFailure writes down that the wanted generation failed.
func (n *Node) recordFailure(id, key string, f failure) {
	n.record(id, key, func(e *wantedWorkload) { e.Failure = &f })
}

func (n *Node) record(id, key string, change func(*wantedWorkload)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	old := n.want.Workloads[id]
	if old == nil || generationKey(old.workload()) != key || n.life.Err() != nil {
		return
	}
	entry := *old
	change(&entry)
	if err := put(n, n.want.Workloads, id, &entry); err != nil {
		n.log.Error("cannot write down the state of a workload", "workload", id, "err", err)
	}
	n.tellParties()
}
