package node

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/pave-platform/pave/internal/job"
)

const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 30 * time.Second
	goodLife     = time.Minute // a replica that lived so long starts over with the first back-off
)

// A generation is one version of a workload: its replicas are alike.
type generation struct {
	w    *workload
	spec Workload
	key  string
	tail *job.Tail

	mu       sync.Mutex
	replicas []*replica
	stopped  bool
	retired  sync.WaitGroup // replicas that were scaled away
}

func newGeneration(w *workload, spec Workload) *generation {
	return &generation{w: w, spec: spec, key: generationKey(spec), tail: job.NewTail(lastLines)}
}

// scale starts or stops replicas until there are count.
func (g *generation) scale(count int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.replicas) < count && !g.stopped {
		r := &replica{
			g: g, stopc: make(chan struct{}), done: make(chan struct{}),
			status: ReplicaStatus{Instance: fmt.Sprintf("%s-%d", g.spec.Generation, len(g.replicas)), Generation: g.spec.Generation},
		}
		g.replicas = append(g.replicas, r)
		go r.run()
	}
	for len(g.replicas) > count {
		last := g.replicas[len(g.replicas)-1]
		g.replicas = g.replicas[:len(g.replicas)-1]
		g.retired.Go(last.stop)
	}
}

// stop drains and ends all replicas.
func (g *generation) stop() {
	g.mu.Lock()
	g.stopped = true
	all := g.replicas
	g.mu.Unlock()
	var wg sync.WaitGroup
	for _, r := range all {
		wg.Go(r.stop)
	}
	wg.Wait()
	g.retired.Wait()
}

func (g *generation) each(visit func(*replica)) {
	g.mu.Lock()
	all := slices.Clone(g.replicas)
	g.mu.Unlock()
	for _, r := range all {
		r.mu.Lock()
		visit(r)
		r.mu.Unlock()
	}
}

func (g *generation) targets() (ready []*target) {
	g.each(func(r *replica) {
		if r.target != nil {
			ready = append(ready, r.target)
		}
	})
	return ready
}

func (g *generation) ready() int { return len(g.targets()) }

func (g *generation) status() (all []ReplicaStatus) {
	g.each(func(r *replica) { all = append(all, r.status) })
	return all
}

// verdict says of a new generation: "ready", why it failed, or nothing yet.
func (g *generation) verdict(deadline time.Time) string {
	total, ready, exits := 0, 0, 0
	exit, waiting := "", ""
	g.each(func(r *replica) {
		total++
		exits += r.exits
		if r.exits > 0 {
			exit = r.status.LastExit
		}
		if r.target != nil {
			ready++
		} else if r.unready != "" {
			waiting = r.unready
		}
	})
	switch {
	case total > 0 && ready == total:
		return "ready"
	case exits >= exitsToFail:
		return fmt.Sprintf("its processes ended %d times before they were ready; the last one %s", exits, exit)
	case time.Now().After(deadline) && waiting != "":
		return fmt.Sprintf("%d of %d replicas were ready after %s: %s", ready, total, g.spec.ReadyTimeout, waiting)
	case time.Now().After(deadline):
		return fmt.Sprintf("%d of %d replicas were ready after %s", ready, total, g.spec.ReadyTimeout)
	}
	return ""
}

// A replica keeps one process running.
type replica struct {
	g        *generation
	stopc    chan struct{}
	stopOnce sync.Once
	done     chan struct{}

	mu      sync.Mutex
	status  ReplicaStatus
	target  *target // when ready
	exits   int     // ends nobody asked for
	unready string  // why the last look found it not ready
}

// stop takes the replica out of routing, lets its requests end, and ends it.
func (r *replica) stop() {
	r.mu.Lock()
	t := r.target
	r.target, r.status.Ready = nil, false
	r.mu.Unlock()
	r.g.w.poke()
	if t != nil {
		// The router may still hold the set this target was in; it is replaced
		// by the supervisor, so look at the requests only after that.
		t.drain(drainTimeout, r.g.w.pool)
	}
	r.stopOnce.Do(func() { close(r.stopc) })
	<-r.done
}

// run starts the process again whenever it ends, ever later when it ends soon.
func (r *replica) run() {
	defer close(r.done)
	for backoff := firstBackoff; ; backoff = min(2*backoff, maxBackoff) {
		started := time.Now()
		if r.once() {
			return
		}
		r.g.w.poke()
		if time.Since(started) >= goodLife {
			backoff = firstBackoff
		}
		timer := time.NewTimer(backoff)
		select {
		case <-timer.C:
		case <-r.stopc:
			timer.Stop()
			return
		case <-r.g.w.n.life.Done():
			timer.Stop()
			return
		}
		r.mu.Lock()
		r.status.Restarts++
		r.mu.Unlock()
	}
}

// once runs the process to its end. It reports whether that end was wanted.
func (r *replica) once() (stopped bool) {
	n := r.g.w.n
	port, err := n.ports.take()
	if err != nil {
		r.ended(err.Error())
		return false
	}
	defer n.ports.release(port)
	spec, err := r.spec(port)
	if err != nil {
		r.ended(err.Error())
		return false
	}
	p, err := job.Start(spec)
	if err != nil {
		r.g.tail.Add(err.Error())
		r.g.w.log.add(r.status.Instance, "node", err.Error())
		r.ended("did not start: " + err.Error())
		return false
	}
	r.mu.Lock()
	r.status.PID, r.status.Port, r.status.Started = p.PID(), port, time.Now().UTC()
	r.mu.Unlock()
	ctx, cancel := context.WithCancel(n.life)
	defer cancel()
	go r.watchReady(ctx, p, port)
	select {
	case <-r.stopc:
		p.Stop()
		r.mu.Lock()
		r.status.PID, r.status.Port = 0, 0
		r.mu.Unlock()
		return true
	case <-n.life.Done():
		return true
	case <-p.Exited():
	}
	cancel()
	r.unroute()
	reason := p.Result().Reason()
	r.g.w.log.add(r.status.Instance, "node", reason)
	r.ended(reason)
	return false
}

// spec is what to start.
func (r *replica) spec(port int) (job.Spec, error) {
	w, n := r.g.spec, r.g.w.n
	env, err := n.environmentOf(w, port)
	if err != nil {
		return job.Spec{}, err
	}
	command, err := n.command(w.Command, env, w.Secrets)
	if err != nil {
		return job.Spec{}, err
	}
	instance := r.status.Instance
	return job.Spec{
		Dir: w.Dir, Command: command, Env: env, Secrets: w.Secrets, UID: w.UID, Limits: w.Limits,
		MaxOutput: 1 << 62, // the log rotates
		Output: func(l job.Line) {
			r.g.tail.Add(l.Text)
			r.g.w.log.add(instance, l.Stream, l.Text)
		},
	}, nil
}

// environmentOf is what the programs of a workload get beside its secrets.
func (n *Node) environmentOf(w Workload, port int) (map[string]string, error) {
	env, err := n.environment(w.ID, n.workDir("workload", w.ID), w.UID, w.Vars)
	if err != nil {
		return nil, err
	}
	env["PORT"] = strconv.Itoa(port)
	if w.Identity != "" {
		env["PAVE_TOKEN_FILE"] = n.tokenPath(w.Identity)
	}
	return env, nil
}

// unroute takes a replica that died out of routing at once.
func (r *replica) unroute() {
	r.mu.Lock()
	r.target, r.status.Ready, r.status.PID, r.status.Port = nil, false, 0, 0
	r.mu.Unlock()
	r.g.w.poke()
}

func (r *replica) ended(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.LastExit = reason
	r.exits++
}
