package hcp

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/go-tfe"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// lookMessage is what a run that looks for drift says of itself.
const lookMessage = "pave looks for drift"

// driftEvery is how often a run looks at a resource: each takes a place in the queue of the
// organization, and asks the cloud for all that the workspace holds.
const driftEvery = 6 * time.Hour

// lookTime is when a look is thought to be lost, and the next one may begin.
const lookTime = 15 * time.Minute

// Drift says what a plan would change now. The plan is that of the newest run that looked,
// or was applied; where that is too long ago another one is started, and its answer is
// waited for by those who ask for a fresh one alone: until it is there drift is not known.
func (d *Driver) Drift(ctx context.Context, r resource.Resource) ([]string, error) {
	r.Job = ""
	c, err := d.connect(ctx, r)
	if err != nil {
		return nil, err
	}
	ws, err := c.workspace(ctx)
	if err != nil {
		return nil, err
	}
	if r.Fresh {
		lines, _, err := c.planned(ctx, ws, lookMessage)
		_, err = told(err)
		return lines, err
	}
	runs, err := c.runs(ctx, ws)
	if err != nil {
		return nil, err
	}
	every := d.DriftEvery
	if every == 0 {
		every = driftEvery
	}
	run := newest(runs)
	if run != nil && run.Message == lookMessage && ended(run.Status) {
		d.looks.done(ws.ID)
	}
	if run == nil || time.Since(run.CreatedAt) > every {
		return nil, c.startLook(ctx, ws)
	}
	return c.seen(ctx, run)
}

// newest is the run that says most of what is there now: one that looked, however it
// ended, or one that was applied.
func newest(runs []*tfe.Run) *tfe.Run {
	for _, run := range runs {
		applied := !run.PlanOnly && !run.IsDestroy && (run.Status == tfe.RunApplied || run.Status == tfe.RunPlannedAndFinished)
		if applied || run.PlanOnly && run.Message == lookMessage {
			return run
		}
	}
	return nil
}

// seen is the drift that a run saw.
func (c *client) seen(ctx context.Context, run *tfe.Run) ([]string, error) {
	switch {
	case !run.PlanOnly:
		return nil, nil
	case run.Status == tfe.RunPlannedAndFinished, run.Status == tfe.RunPolicySoftFailed:
		return c.lines(ctx, run)
	case ended(run.Status):
		return nil, pave.Errorf(pave.Unavailable, "the run that looked for drift came to a bad end").WithHint("%s says why", c.page(run.ID))
	}
	return nil, pave.Errorf(pave.Unavailable, "a run looks for drift").WithHint("%s shows it", c.page(run.ID))
}

// startLook starts a run that looks, if no other one of the driver goes on in the
// organization.
func (c *client) startLook(ctx context.Context, ws *tfe.Workspace) error {
	if !c.d.looks.begin(c.url+" "+c.org, ws.ID) {
		return pave.Errorf(pave.Unavailable, "a run looks for drift of something else").WithHint("pave status asks again")
	}
	run, err := c.begin(ctx, ws, wish{message: lookMessage, planOnly: true})
	if err != nil {
		c.d.looks.done(ws.ID)
		return err
	}
	return pave.Errorf(pave.Unavailable, "a run looks for drift").WithHint("%s shows it", c.page(run.ID))
}

// looks keeps the runs that look for drift from taking every place of an organization: one
// at a time. It forgets with the process, which is as good.
type looks struct {
	mu sync.Mutex
	at map[string]look
}

type look struct {
	workspace string
	began     time.Time
}

func (l *looks) begin(place, workspace string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if other, going := l.at[place]; going && time.Since(other.began) < lookTime {
		return false
	}
	if l.at == nil {
		l.at = map[string]look{}
	}
	l.at[place] = look{workspace, time.Now()}
	return true
}

func (l *looks) done(workspace string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for place, one := range l.at {
		if one.workspace == workspace {
			delete(l.at, place)
		}
	}
}
