package node

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/job"
)

const (
	defaultReadyTimeout = 30 * time.Second
	maxReplicas         = 50
	drainTimeout        = 10 * time.Second
	lastLines           = 20
	// exitsToFail is how often the processes of a new generation may end before
	// it counts as failed.
	exitsToFail = 3
)

// A workload supervises the generations of one item: at most one that serves and
// one that should.
type workload struct {
	n    *Node
	id   string
	log  *logFile
	pool *pool // what the router sees
	wake chan struct{}
	done chan struct{} // the supervisor has ended

	mu       sync.Mutex
	want     Workload
	key      string
	serving  *generation
	next     *generation
	deadline time.Time // for next
	failure  *failure  // of want
	stopped  bool
	old      sync.WaitGroup // generations on their way out
}

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
	if w.ReadyPath != "" && !strings.HasPrefix(w.ReadyPath, "/") {
		return pave.BadField("ready path", w.ReadyPath, "does not start with /", "for example /healthz")
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

// startWorkload starts the supervisor of an item. The caller holds mu.
func (n *Node) startWorkload(id string, entry *wantedWorkload) error {
	log, err := n.logOf("workload", id)
	if err != nil {
		return err
	}
	w := &workload{
		n: n, id: id, log: log, pool: n.router.pool(id),
		wake: make(chan struct{}, 1), done: make(chan struct{}),
		want: entry.workload(), failure: entry.Failure,
	}
	w.key = generationKey(w.want)
	// What served before the node died serves again, ready or not.
	switch {
	case entry.Served:
		w.serving = newGeneration(w, w.want)
	case entry.Serving != nil:
		w.serving = newGeneration(w, fromWire(entry.Serving))
	}
	w.pool.own(w)
	n.workloads[id] = w
	go w.run(n.serversReady())
	return nil
}

// deleteWorkload stops an item and forgets it. Absence is success.
func (n *Node) deleteWorkload(id string) error {
	n.mu.Lock()
	w := n.workloads[id]
	err := drop(n, n.want.Workloads, id)
	if err == nil {
		delete(n.workloads, id)
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

// set changes what is wanted.
func (w *workload) set(want Workload) {
	w.mu.Lock()
	if key := generationKey(want); key != w.key {
		w.key, w.failure = key, nil
	}
	w.want = want
	w.mu.Unlock()
	w.poke()
}

func (w *workload) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// stop ends all processes, gracefully, and the supervisor.
func (w *workload) stop() {
	w.mu.Lock()
	w.stopped = true
	w.mu.Unlock()
	w.poke()
	<-w.done
}

// run is the supervisor. It does not start anything before the servers are
// ready, so that no program meets a database that is still starting.
func (w *workload) run(servers <-chan struct{}) {
	defer close(w.done)
	select {
	case <-servers:
	case <-w.n.life.Done():
		return
	}
	w.mu.Lock()
	if w.serving != nil {
		w.serving.scale(w.serving.spec.Replicas)
	}
	w.mu.Unlock()
	for {
		wait, ended := w.converge()
		if ended {
			w.old.Wait()
			return
		}
		timer := time.NewTimer(wait)
		select {
		case <-w.wake:
		case <-timer.C:
		case <-w.n.life.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// converge takes one look at what is wanted and what is there, and does what
// separates them. It returns when to look again at the latest.
func (w *workload) converge() (wait time.Duration, ended bool) {
	var save func()
	defer func() {
		if save != nil {
			save()
		}
	}()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		w.retire(w.next)
		w.retire(w.serving)
		w.next, w.serving = nil, nil
		w.publish()
		return 0, true
	}
	switch {
	case w.serving != nil && w.serving.key == w.key:
		w.retire(w.next)
		w.next = nil
		w.serving.scale(w.want.Replicas)
	case w.next != nil && w.next.key == w.key:
		w.next.scale(w.want.Replicas)
	case w.failure == nil:
		w.retire(w.next)
		w.next = newGeneration(w, w.want)
		w.next.scale(w.want.Replicas)
		w.deadline = time.Now().Add(w.want.ReadyTimeout)
	}
	if w.next != nil {
		save = w.judge()
	}
	w.publish()
	if w.next != nil {
		return max(time.Until(w.deadline), time.Millisecond), false
	}
	return time.Hour, false
}

// judge lets the next generation serve when it is ready, and gives it up when it
// will not be. It returns what is to be written down once mu is free.
func (w *workload) judge() (save func()) {
	next := w.next
	switch reason := next.verdict(w.deadline); {
	case reason == "ready":
		old := w.serving
		w.serving, w.next, w.failure = next, nil, nil
		w.retire(old)
		w.log.add("node", "node", fmt.Sprintf("generation %s serves", next.spec.Generation))
		return func() { w.n.recordServing(w.id, next.key) }
	case reason != "":
		w.failure = &failure{Reason: reason, LastLines: next.tail.Lines()}
		w.next = nil
		w.log.add("node", "node", fmt.Sprintf("generation %s failed: %s", next.spec.Generation, reason))
		f := *w.failure
		w.retire(next)
		return func() { w.n.recordFailure(w.id, next.key, f) }
	}
	return nil
}

// publish gives the router the replicas that are ready. The caller holds mu.
func (w *workload) publish() {
	var ready []*target
	if w.serving != nil {
		ready = w.serving.targets()
	}
	w.pool.set(w, ready)
}

// retire drains and stops a generation in the background.
func (w *workload) retire(g *generation) {
	if g != nil {
		w.old.Go(g.stop)
	}
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
}

// status tells what is there.
func (w *workload) status() WorkloadStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := WorkloadStatus{
		ID: w.id, Service: w.want.Service, Env: w.want.Env, State: StateStarting,
		Wanted: w.want.Generation, Attempt: w.want.Attempt, Replicas: []ReplicaStatus{},
	}
	for _, g := range []*generation{w.serving, w.next} {
		if g != nil {
			s.Replicas = append(s.Replicas, g.status()...)
		}
	}
	if w.serving != nil && w.serving.ready() > 0 {
		s.Serving = w.serving.spec.Generation
	}
	switch {
	case w.failure != nil:
		s.State, s.Reason, s.LastLines = StateFailed, w.failure.Reason, slices.Clone(w.failure.LastLines)
	case w.serving != nil && w.serving.key == w.key && w.serving.ready() >= w.want.Replicas:
		s.State = StateRunning
	case w.serving != nil && w.serving.key == w.key:
		s.Reason = fmt.Sprintf("%d of %d replicas are ready", w.serving.ready(), w.want.Replicas)
		s.LastLines = w.serving.tail.Lines()
	case w.next != nil:
		s.Reason = fmt.Sprintf("%d of %d replicas are ready", w.next.ready(), w.want.Replicas)
		s.LastLines = w.next.tail.Lines()
	}
	return s
}

func (n *Node) workload(id string) (WorkloadStatus, error) {
	n.mu.Lock()
	w := n.workloads[id]
	n.mu.Unlock()
	if w == nil {
		return WorkloadStatus{}, notFound("workload", id)
	}
	return w.status(), nil
}

func errStopping() error {
	return pave.Errorf(pave.Unavailable, "the node is going down").WithHint("pave up")
}
