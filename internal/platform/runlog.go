package platform

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/resource"
)

// jobLog streams what one job of a step wrote. A log that is kept no longer is empty.
func (p *Platform) jobLog(ctx context.Context, job, step string, follow bool, each func(pave.LogLine) error) error {
	for l, err := range p.Node.Logs(ctx, node.LogQuery{Job: job, Follow: follow}) {
		if pave.CodeOf(err) == pave.NotFound {
			return nil
		}
		if err != nil {
			return err
		}
		if err := each(pave.LogLine{At: l.At, Source: step, Stream: l.Stream, Text: l.Text}); err != nil {
			return err
		}
	}
	return nil
}

// providerLog streams what the jobs wrote that a provider ran for a step, one after the
// other; with follow until the step has ended.
func (p *Platform) providerLog(ctx context.Context, run string, s pave.Step, follow bool, each func(pave.LogLine) error) error {
	seen := map[string]bool{}
	for {
		jobs, err := p.Node.Jobs(ctx)
		if err != nil {
			return err
		}
		slices.SortFunc(jobs, func(a, b node.JobStatus) int { return cmp.Compare(a.Started.UnixNano(), b.Started.UnixNano()) })
		for _, j := range jobs {
			if seen[j.ID] || !strings.HasPrefix(j.ID, resource.JobOf(run, s.Key)+".") {
				continue
			}
			seen[j.ID] = true
			if err := p.jobLog(ctx, j.ID, s.Key, follow, each); err != nil {
				return err
			}
		}
		if !follow || s.State.Ended() {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(300 * time.Millisecond):
		}
		if s, err = p.stepNow(ctx, run, s); err != nil {
			return err
		}
	}
}

// stepNow is a step as it is now.
func (p *Platform) stepNow(ctx context.Context, run string, s pave.Step) (pave.Step, error) {
	r, err := p.Engine.Get(ctx, run)
	for _, now := range r.Steps {
		if now.Key == s.Key {
			return now, err
		}
	}
	return s, err
}
