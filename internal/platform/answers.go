package platform

import (
	"cmp"
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/pave-platform/pave"
)

const (
	usuallyFresh = 15 * time.Second
	insteadFor   = time.Hour // an answer is better than none, where the host says nothing
	askWithin    = time.Minute
	maxAnswers   = 500
	maxAnswer    = 1 << 20  // bytes of one that is kept
	maxTogether  = 16 << 20 // and of all
)

// A question is what people ask a git host: for a list of one repository.
type question struct {
	repository string // the id of its resource
	list       string
	commit     string // "" where it is about none
}

// An answer is what a host said, or is about to say.
type answer struct {
	asked time.Time
	done  chan struct{} // closed once body and err are there
	body  []byte        // JSON: its size is known, and nobody changes what others read
	err   error
	fresh bool // nothing happened since; answers.mu guards it
}

// answers keep what git hosts said for some seconds: people look often, and many at the
// same time, and a host may be asked so often only. Errors are not kept; that a host wants
// no calls until a moment its driver knows, and makes none. The zero value is ready.
type answers struct {
	freshFor time.Duration // nobody asks again; usuallyFresh if 0

	mu     sync.Mutex
	asking map[question]*answer
	kept   map[question]*answer // the last good one
}

// ask returns what a host says to a question. Those who ask the same within some seconds
// share one call. Where the host says nothing, by being away or having had enough calls,
// it is what it said before, with the reason. Whoever calls has made sure that the caller
// may know.
func (a *answers) ask(ctx context.Context, q question, call func(context.Context) (any, error)) (now *answer, reason string, err error) {
	now, mine := a.begin(q)
	if mine {
		// Others wait for it too, whatever becomes of who asked first.
		a.answer(context.WithoutCancel(ctx), q, now, call)
	}
	select {
	case <-now.done:
	case <-ctx.Done():
		return nil, "", pave.Errorf(pave.Unavailable, "waiting for the host: %w", context.Cause(ctx))
	}
	if now.err == nil {
		return now, "", nil
	}
	if old := a.instead(q, now.err); old != nil {
		return old, now.err.Error(), nil
	}
	return nil, "", now.err
}

// begin returns the answer that is there or on its way; mine is that the caller has to
// see to it.
func (a *answers) begin(q question) (now *answer, mine bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if old := a.kept[q]; old != nil && old.fresh && time.Since(old.asked) < cmp.Or(a.freshFor, usuallyFresh) {
		return old, false
	}
	if now = a.asking[q]; now != nil {
		return now, false
	}
	now = &answer{asked: time.Now(), done: make(chan struct{}), err: pave.Errorf(pave.Internal, "a host was not asked to the end")}
	if a.asking == nil {
		a.asking, a.kept = map[question]*answer{}, map[question]*answer{}
	}
	a.asking[q] = now
	return now, true
}

// answer makes the call.
func (a *answers) answer(ctx context.Context, q question, now *answer, call func(context.Context) (any, error)) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	defer a.keep(q, now) // after a panic too: others wait
	list, err := call(ctx)
	if err == nil {
		now.body, err = json.Marshal(list)
	}
	now.err = err
}

func (a *answers) keep(q question, now *answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer close(now.done)
	if now.fresh = a.asking[q] == now; now.fresh {
		delete(a.asking, q)
	}
	old := a.kept[q]
	switch {
	case now.err == nil && len(now.body) > maxAnswer:
		delete(a.kept, q)
	case now.err == nil && (old == nil || old.asked.Before(now.asked)):
		a.kept[q] = now
		a.trim()
	case now.err != nil && pave.CodeOf(now.err) != pave.Unavailable: // the host is there, and says otherwise
		delete(a.kept, q)
	}
}

// trim forgets the oldest answers beyond the bounds, those about single commits first: of
// these there are as many as people ask for. The lock is held.
func (a *answers) trim() {
	for {
		var oldest question
		size := 0
		for q, k := range a.kept {
			size += len(k.body)
			o := a.kept[oldest]
			if single, was := q.commit != "", oldest.commit != ""; o == nil || single && !was || single == was && k.asked.Before(o.asked) {
				oldest = q
			}
		}
		if len(a.kept) <= maxAnswers && size <= maxTogether {
			return
		}
		delete(a.kept, oldest)
	}
}

// instead is what a host said before that says nothing now; nil where there is nothing, or
// it is too old, or the host did say something.
func (a *answers) instead(q question, err error) *answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	old := a.kept[q]
	if old == nil || pave.CodeOf(err) != pave.Unavailable || time.Since(old.asked) > insteadFor {
		return nil
	}
	return old
}

// outdate has a host asked anew about a repository: something happened there. A call that
// is on its way may have come too early for it.
func (a *answers) outdate(repository string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for q := range a.asking {
		if q.repository == repository {
			delete(a.asking, q)
		}
	}
	for q, k := range a.kept {
		if q.repository == repository {
			k.fresh = false
		}
	}
}

// askHost is the list that a question asks for; stamp notes in an item when the host said so.
func askHost[T any](ctx context.Context, a *answers, q question, call func(context.Context) ([]T, error), stamp func(*T, time.Time)) (pave.HostList[T], error) {
	var out pave.HostList[T]
	said, reason, err := a.ask(ctx, q, func(ctx context.Context) (any, error) { return call(ctx) })
	if err != nil {
		return out, err
	}
	out.Observed, out.Reason = said.asked.UTC(), reason
	if err := json.Unmarshal(said.body, &out.Items); err != nil {
		return out, err
	}
	for i := range out.Items {
		stamp(&out.Items[i], out.Observed)
	}
	if out.Items == nil {
		out.Items = []T{}
	}
	return out, nil
}
