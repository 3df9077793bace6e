package platform

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

const (
	// everyRound is how often upkeep looks, everyDeep where a look costs more.
	everyRound = 15 * time.Second
	everyDeep  = time.Minute
	// refreshTemplates is how often imported templates are looked at again.
	refreshTemplates = 15 * time.Minute
	// askMine is how often a process that is not to do upkeep asks whether it is now.
	askMine = 500 * time.Millisecond
)

// recurring is one thing that upkeep does again and again.
type recurring struct {
	every time.Duration
	what  string
	do    func(context.Context) error
}

// Upkeep does what recurs until ctx ends, while mine says that it is for this process to
// do. Each thing recurs by itself, the first time at once: one that waits for something
// outside keeps no other. When it returns, nothing that it began goes on.
func (p *Platform) Upkeep(ctx context.Context, mine func() bool) {
	var loops sync.WaitGroup
	for _, r := range []recurring{
		{everyRound, "look at systems", p.lookAround},
		{everyDeep, "rotate credentials", p.rotateEnding},
		{everyRound, "tell the node of environments", p.tellCalls},
		{everyRound, "count calls", p.harvestCalls},
		{everyDeep, "sweep", p.sweep},
		{everyDeep, "prune", p.prune},
		{everyDeep, "look at organisations", p.refreshOrganisations},
		{everyDeep, "refresh templates", func(ctx context.Context) error { return p.Templates.Refresh(ctx, refreshTemplates) }},
		{connectionRound, "end connections", p.endConnections},
	} {
		loops.Go(func() { p.recur(ctx, mine, r) })
	}
	loops.Wait()
	p.lanes.wait()
}

func (p *Platform) recur(ctx context.Context, mine func() bool, r recurring) {
	for {
		pause := askMine
		if mine() {
			p.attempt(ctx, r.what, r.do)
			pause = r.every
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

func (p *Platform) attempt(ctx context.Context, what string, f func(context.Context) error) {
	if err := f(ctx); err != nil && ctx.Err() == nil {
		p.Log.Warn(what, "err", err)
	}
}

// A set of lanes carries out what must not wait for each other, under each name one thing
// at a time. The zero value is ready.
type lanes struct {
	mu    sync.Mutex
	busy  map[string]bool
	group sync.WaitGroup
}

// begin does something in the background, unless the last under that name goes on still.
func (l *lanes) begin(name string, do func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy[name] {
		return
	}
	if l.busy == nil {
		l.busy = map[string]bool{}
	}
	l.busy[name] = true
	l.group.Go(func() {
		defer l.end(name)
		do()
	})
}

func (l *lanes) end(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.busy, name)
}

// wait waits for everything that was begun. Nothing more may be begun.
func (l *lanes) wait() { l.group.Wait() }

// refreshOrganisations looks at what was imported, and then reads the files there.
func (p *Platform) refreshOrganisations(ctx context.Context) error {
	return errors.Join(p.refreshImports(ctx), p.readEntityFiles(ctx))
}

// sweep compares journal and world; runs that are not over keep what they made.
func (p *Platform) sweep(ctx context.Context) error {
	busy := func(id string) bool {
		run, err := p.Engine.Get(ctx, id)
		return pave.CodeOf(err) != pave.NotFound && !run.State.Ended() // a store that does not answer is busy too
	}
	report, err := p.Resources.Sweep(ctx, busy)
	if len(report.Orphans)+len(report.Expired) > 0 {
		p.Log.Info("swept", "orphans", report.Orphans, "expired", report.Expired)
	}
	return err
}

// keepUses is how long it is remembered who used which command: figures of adoption
// compare years.
const keepUses = 400 * 24 * time.Hour

// prune forgets old runs with their plans and effects, plans and sealed values nobody
// applied, and build folders. The audit log is never cut.
func (p *Platform) prune(ctx context.Context) error {
	old := time.Now().Add(-p.Keep)
	_, err := p.DB.Exec(ctx, `DELETE FROM plans WHERE run = '' AND created < $1`,
		store.Micros(time.Now().Add(-30*24*time.Hour)))
	if err != nil {
		return err
	}
	if err := p.pruneSealed(ctx); err != nil {
		return err
	}
	if err := p.pruneCalls(ctx, time.Now().Add(-90*24*time.Hour)); err != nil {
		return err
	}
	if err := p.pruneDeliveries(ctx); err != nil {
		return err
	}
	if err := p.pruneDev(ctx); err != nil {
		return err
	}
	if err := p.Shelf.Prune(time.Now().Add(-keepSources)); err != nil {
		return err
	}
	if _, err := p.Engine.Prune(ctx, old); err != nil {
		return err
	}
	if _, err := p.DB.Exec(ctx, `DELETE FROM plans WHERE run <> '' AND created < $1`, old); err != nil {
		return err
	}
	if err := p.Resources.PruneEffects(ctx, old); err != nil {
		return err
	}
	if err := p.Access.PruneUses(ctx, time.Now().Add(-keepUses)); err != nil {
		return err
	}
	return p.Pipeline.Prune(time.Now().Add(-24 * time.Hour))
}
