package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/client"
)

// stoppedRun is the error of a run that did not end well.
type stoppedRun struct {
	title, reason string
	state         pave.RunState
}

func (s *stoppedRun) Error() string {
	if s.reason == "" {
		return fmt.Sprintf("%s: %s", s.title, s.state)
	}
	return fmt.Sprintf("%s %s: %s", s.title, s.state, s.reason)
}

// follow shows how a run goes until it ends, then its answer. It returns the run
// as it is then; the error says why it did not end well, or that nobody waited:
// 130 for an interrupt. The run goes on whatever happens here.
func (a *app) follow(ctx context.Context, id string, v *view) (pave.Run, error) {
	run, err := a.api().Run(ctx, id)
	if err != nil {
		return run, err
	}
	data := v != nil && v.data()
	out := a.out
	if data {
		out = a.err // stdout is for the answer alone
	}
	p := newProgress(a, out, run)
	run, err = a.wait(ctx, p, run)
	p.clear()
	if ctx.Err() != nil {
		return run, a.leave(run, context.Cause(ctx))
	}
	if errors.Is(err, errApproval) {
		return run, &exitError{code: exitRunning}
	}
	if err != nil {
		if errors.Is(err, client.ErrUnreachable) {
			a.say("the run goes on when the server is back: pave watch %s", shortID(run.ID))
		}
		return run, err
	}
	if data {
		if err := v.write(ctx, a.out, run); err != nil {
			return run, err
		}
	}
	if run.State != pave.RunDone {
		return run, a.stopped(run, p)
	}
	if data {
		return run, nil
	}
	return run, a.closing(ctx, run)
}

// wait feeds the events of a run to its progress until the run ends.
func (a *app) wait(ctx context.Context, p *progress, run pave.Run) (pave.Run, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, done := make(chan pave.Event), make(chan error, 1)
	go func() {
		done <- a.api().Stream(ctx, pave.EventFilter{Run: run.ID}, func(e pave.Event) error {
			select {
			case events <- e:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case e := <-events:
			if !p.event(e) {
				if a.waitsForApproval(ctx, e) {
					return run, errApproval
				}
				continue
			}
			now, err := a.api().Run(ctx, run.ID)
			if err != nil {
				return run, err
			}
			// Somebody may have let it go on since: then its end is yet to come.
			if run = now; run.State.Ended() && run.Attempts <= p.seen {
				return run, nil
			}
			p.attempt = run.Attempts
		case now := <-ticker.C:
			p.tick(now)
		case err := <-done:
			return run, err
		}
	}
}

// leave says that the run goes on although nobody watches it.
func (a *app) leave(run pave.Run, cause error) error {
	fmt.Fprintf(a.err, "%s goes on: pave watch %s\n", oneLine(run.Title), shortID(run.ID))
	if errors.Is(cause, context.DeadlineExceeded) {
		return &exitError{code: exitRunning}
	}
	return errInterrupted
}

// stopped is the error of a run that ended badly, with the two next commands.
func (a *app) stopped(run pave.Run, p *progress) error {
	id := shortID(run.ID)
	hint := fmt.Sprintf("pave retry %s, which goes on from there\npave undo %s, which takes it back", id, id)
	if strings.Contains(p.hint, "pave heal ") { // before that a retry would end as this did
		hint = fmt.Sprintf("pave undo %s, which takes it back", id)
		if !strings.HasPrefix(run.Title, pave.Heal{}.Verb()+" ") {
			hint = fmt.Sprintf("pave retry %s after that, which goes on from there\n", id) + hint
		}
	}
	if p.hint != "" && !strings.HasPrefix(p.hint, "pave retry "+run.ID) {
		hint = p.hint + "\n" + hint
	}
	if run.Kind == pave.RunPipeline {
		hint = fmt.Sprintf("pave logs %s\npave retry %s, or push a commit that mends it", id, id)
	}
	e := (&pave.Error{Code: pave.Unavailable, Message: "", Err: &stoppedRun{run.Title, run.Reason, run.State}}).WithHint("%s", hint)
	return &exitError{exitFailed, &shown{e}}
}

// shown prints as its cause alone; its hint is found behind it.
type shown struct{ e *pave.Error }

func (s *shown) Error() string { return s.e.Err.Error() }
func (s *shown) Unwrap() error { return s.e }

// closing prints the answer of a run that is done.
func (a *app) closing(ctx context.Context, run pave.Run) error {
	name, gone, err := a.serviceOf(ctx, run)
	if err != nil || name == "" {
		fmt.Fprintf(a.out, "%s: %s\n", oneLine(run.Title), run.State)
		return err
	}
	switch {
	case run.Kind == pave.RunPipeline:
		fmt.Fprintf(a.out, "Pipeline of %q passed.\n", name)
		return nil
	case !gone.IsZero():
		return a.goodbye(ctx, run, name, gone.UTC().Format(time.DateOnly))
	}
	return a.alive(ctx, run, name)
}

// goodbye says what of a service that is gone is kept, and what is not.
func (a *app) goodbye(ctx context.Context, run pave.Run, name, until string) error {
	run, err := a.api().Run(ctx, run.ID)
	if err != nil {
		return err
	}
	var lost []string
	for _, step := range run.Steps {
		if strings.HasSuffix(step.Summary, pave.NotKept) {
			kind, env, _ := strings.Cut(step.Key, ":")
			lost = append(lost, oneLine(strings.TrimSuffix(kind+" of "+env, " of ")))
		}
	}
	what := "what it held is kept until " + until
	if len(lost) > 0 {
		what = fmt.Sprintf("%s was deleted with all that was in it, the rest is kept until %s", strings.Join(lost, ", "), until)
	}
	fmt.Fprintf(a.out, "Service %q is gone; %s.\n  Restore  pave restore %s\n", name, what, name)
	return nil
}

// alive prints where a service answers that a run has changed.
func (a *app) alive(ctx context.Context, run pave.Run, name string) error {
	st, err := a.api().Status(ctx, name)
	if err != nil {
		return err
	}
	at, err := a.endpoint(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "Service %q is %s.\n", name, oneLine(st.Status))
	for _, d := range st.Deployments {
		writeURL(a.out, d)
	}
	svc, err := a.api().Service(ctx, name)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "  Repo   %s   (pave clone %s)\n", repositoryOf(svc, at), name)
	fmt.Fprintf(a.out, "  CI/CD  %s   (pave list runs --service %s)\n", pipelinesOf(svc, at), name)
	if !strings.HasPrefix(run.Title, pave.Rotate{}.Verb()+" ") && !strings.HasPrefix(run.Title, "restart of ") { // which are not undone
		fmt.Fprintf(a.out, "  Undo   pave undo %s\n", shortID(run.ID))
	}
	return nil
}

// repositoryOf is the address to clone.
func repositoryOf(s pave.Service, at client.Endpoint) string {
	return oneLine(cmp.Or(s.Repository, at.URL+"/git/"+string(s.Name)+".git"))
}

// pipelinesOf is the page of a service's pipelines.
func pipelinesOf(s pave.Service, at client.Endpoint) string {
	return oneLine(cmp.Or(s.Pipelines, at.URL+"/services/"+string(s.Name)+"/runs"))
}

func writeURL(out io.Writer, d pave.Deployment) {
	release := ""
	if d.Health != "healthy" && d.Health != "" {
		release = "   (" + d.Health + ")"
	}
	fmt.Fprintf(out, "  URL    %s%s\n", oneLine(d.URL), release)
}

// serviceOf is the name of the service of a run, and until when it is kept where
// it was deleted.
func (a *app) serviceOf(ctx context.Context, run pave.Run) (name string, kept time.Time, err error) {
	for _, deleted := range []bool{false, true} {
		all, err := a.api().Services(ctx, deleted)
		if err != nil {
			return "", kept, err
		}
		for _, s := range all {
			if s.ID == run.Service {
				return string(s.Name), s.KeptUntil, nil
			}
		}
	}
	return "", kept, nil
}
