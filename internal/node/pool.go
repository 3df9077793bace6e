package node

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A target is one ready process.
type target struct {
	addr     string
	inflight atomic.Int64
}

func newTarget(port int) *target { return &target{addr: loopback(port)} }

// drain waits until the pool gives the target to nobody any more and its last
// request has ended, at most for the timeout.
func (t *target) drain(timeout time.Duration, p *pool) {
	deadline := time.Now().Add(timeout)
	for time.Now().Before(deadline) {
		if !slices.Contains(p.targets(), t) && t.inflight.Load() == 0 {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// A pool is the set of targets of one workload. The set is replaced as a whole.
type pool struct {
	current atomic.Pointer[[]*target]
	turn    atomic.Uint64

	mu    sync.Mutex
	owner *workload // the supervisor whose word counts
}

// own makes w the one supervisor that may set the targets: an item that was
// deleted and put again has two for a while.
func (p *pool) own(w *workload) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.owner = w
}

func (p *pool) set(w *workload, ts []*target) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.owner == w && !slices.Equal(p.targets(), ts) {
		p.current.Store(&ts)
	}
}

func (p *pool) targets() []*target {
	if ts := p.current.Load(); ts != nil {
		return *ts
	}
	return nil
}

// acquire picks the target with the fewest requests in flight, in turn among
// equals, and counts a request on it. Those in tried are left out; nil means that
// none is left.
func (p *pool) acquire(tried []*target) *target {
	for {
		set := p.current.Load()
		if set == nil || len(*set) == 0 {
			return nil
		}
		ts := *set
		start := int(p.turn.Add(1) % uint64(len(ts)))
		var best *target
		for i := range ts {
			t := ts[(start+i)%len(ts)]
			if !slices.Contains(tried, t) && (best == nil || t.inflight.Load() < best.inflight.Load()) {
				best = t
			}
		}
		if best == nil {
			return nil
		}
		best.inflight.Add(1)
		if p.current.Load() == set {
			return best // who drains it from now on sees this request
		}
		best.inflight.Add(-1)
	}
}
