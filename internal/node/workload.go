package node

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pave-platform/pave"
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
	retiring atomic.Int32   // how many those are
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
		w.retiring.Add(1)
		w.old.Go(func() {
			defer w.retiring.Add(-1)
			g.stop()
		})
	}
}

// status tells what is there.
func (w *workload) status() WorkloadStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := WorkloadStatus{
		ID: w.id, Service: w.want.Service, Env: w.want.Env, State: StateStarting,
		Wanted: w.want.Generation, Attempt: w.want.Attempt, Replicas: []ReplicaStatus{}, Retiring: int(w.retiring.Load()),
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
