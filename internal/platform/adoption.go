package platform

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/pave-platform/pave"
)

// MaxWeeks is how far back Adoption looks: runs are not kept for longer.
const MaxWeeks = 12

// Adoption sums up what the platform recorded of its use in the last weeks, this
// one included. A zero mark is the middle.
func (p *Platform) Adoption(ctx context.Context, weeks int, mark time.Time) (a pave.Adoption, err error) {
	a.To = time.Now().UTC()
	monday := a.To.Truncate(24*time.Hour).AddDate(0, 0, -(int(a.To.Weekday())+6)%7)
	a.From = monday.AddDate(0, 0, -7*(weeks-1))
	if a.Mark = mark.UTC(); mark.IsZero() {
		a.Mark = a.From.Add(a.To.Sub(a.From) / 2).Truncate(time.Second)
	}
	if a.Mark.Before(a.From) || a.Mark.After(a.To) {
		return a, pave.BadField("mark", a.Mark.Format(time.DateOnly), "does not lie within the weeks that are looked at", "give more --weeks, or a later day")
	}
	if a.Weeks, err = p.Access.WeeksOfUse(ctx, a.From, weeks); err != nil {
		return a, err
	}
	if a.Commands, err = p.Access.CommandsUsed(ctx, a.From); err != nil {
		return a, err
	}
	if err = p.created(ctx, &a); err != nil {
		return a, err
	}
	return a, p.firstChanges(ctx, &a)
}

// created fills in what is told by runs that made services.
func (p *Platform) created(ctx context.Context, a *pave.Adoption) error {
	runs, err := p.Engine.Ended(ctx, pave.RunApply, a.From)
	if err != nil {
		return err
	}
	var live comparison
	for _, r := range runs {
		if !strings.HasPrefix(r.Title, pave.CreateService{}.Verb()+" ") && !strings.HasPrefix(r.Title, pave.Adopt{}.Verb()+" ") {
			continue
		}
		w := &a.Weeks[min(int(r.Created.Sub(a.From)/(7*24*time.Hour)), len(a.Weeks)-1)]
		if r.State != pave.RunDone {
			w.Stopped++
			continue
		}
		w.Created++
		live.add(r.Created.Before(a.Mark), r.Ended.Sub(r.Created))
	}
	a.Live = live.sum()
	return nil
}

// firstChanges fills in how soon new people had a change live.
func (p *Platform) firstChanges(ctx context.Context, a *pave.Adoption) error {
	came, err := p.Access.Newcomers(ctx, a.From)
	if err != nil || len(came) == 0 {
		return err
	}
	rollouts, err := p.Engine.Ended(ctx, pave.RunRollout, a.From)
	if err != nil {
		return err
	}
	first := map[string]time.Time{}
	for _, r := range rollouts {
		if at, ok := first[r.Actor]; r.State == pave.RunDone && (!ok || r.Ended.Before(at)) {
			first[r.Actor] = r.Ended
		}
	}
	var took comparison
	for user, at := range first {
		if joined, ok := came[user]; ok {
			took.add(joined.Before(a.Mark), at.Sub(joined))
		}
	}
	a.First = took.sum()
	return nil
}

// A comparison collects two samples.
type comparison struct{ before, after []time.Duration }

func (c *comparison) add(before bool, d time.Duration) {
	if before {
		c.before = append(c.before, d)
	} else {
		c.after = append(c.after, d)
	}
}

func (c *comparison) sum() pave.Comparison {
	return pave.Comparison{Before: durations(c.before), After: durations(c.after)}
}

// durations sums up a sample; quantiles are by nearest rank, so that each is a value
// that was measured.
func durations(all []time.Duration) pave.Durations {
	if len(all) == 0 {
		return pave.Durations{}
	}
	slices.Sort(all)
	rank := func(q float64) float64 {
		return all[int(math.Ceil(q*float64(len(all))))-1].Seconds()
	}
	return pave.Durations{Count: len(all), P50: rank(0.5), P90: rank(0.9), Max: all[len(all)-1].Seconds()}
}
