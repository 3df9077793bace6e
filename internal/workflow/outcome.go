package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unicode"

	"github.com/pave-platform/pave"
)

const (
	// minAgain keeps a handler that asks to be called again at once from spinning.
	minAgain = 10 * time.Millisecond
	// Between these a step waits for who said when to come again. One that goes on asking
	// for a second is called no more than a few times in a minute.
	minLater  = time.Second
	calmLater = 10 * time.Second
	maxLater  = 5 * time.Minute
)

// outcome is what a call of a handler means for its step.
type outcome struct {
	state   pave.StepState // done, failed, canceled; ready to be called again; or waiting
	output  json.RawMessage
	data    json.RawMessage
	summary string
	reason  string
	hint    string
	after   time.Duration // ready: not before
	failure bool          // ready: after an Unavailable error
	signal  *AwaitSignal  // waiting: for it
	child   *Start        // waiting: for it
}

// judge turns what a handler returned into the outcome of its step.
func (x *executor) judge(ctx context.Context, c claimed, t *Task, res Result, err error) outcome {
	var again Again
	var signal AwaitSignal
	var run AwaitRun
	var later pave.Later
	switch {
	case err == nil:
		return x.judgeResult(c, res)
	case errors.As(err, &again):
		return outcome{state: pave.StepReady, after: max(again.After, minAgain), reason: line(again.Reason)}
	case errors.As(err, &signal):
		if signal.Name == "" {
			return x.failed(c, pave.Errorf(pave.Internal, "handler %s awaits a signal without a name", c.step.handler))
		}
		return outcome{state: pave.StepWaiting, signal: &signal, reason: line(signal.Reason)}
	case errors.As(err, &run):
		return x.judgeAwaitRun(c, t, run.Start)
	case errors.Is(context.Cause(ctx), errCanceled):
		return outcome{state: pave.StepCanceled, reason: errCanceled.Error()}
	case pave.CodeOf(err) == pave.Unavailable && errors.As(err, &later):
		now := x.now()
		return outcome{state: pave.StepReady, after: untilLater(later.At.Sub(now), now.Sub(c.step.Started)), reason: line(err.Error()), hint: pave.HintOf(err)}
	case pave.CodeOf(err) == pave.Unavailable && c.step.failures+1 < c.step.retry.Attempts:
		return outcome{state: pave.StepReady, failure: true, reason: line(err.Error()), hint: pave.HintOf(err),
			after: c.step.retry.pause(c.step.failures)}
	}
	return x.failed(c, err)
}

func (x *executor) judgeResult(c claimed, res Result) outcome {
	output, err := encode(fmt.Sprintf("output of step %q", c.step.Key), res.Output, maxOutput)
	if err != nil {
		return x.failed(c, err)
	}
	data, err := encode(fmt.Sprintf("data of step %q", c.step.Key), res.Data, maxEventData/2)
	if err != nil {
		return x.failed(c, err)
	}
	return outcome{state: pave.StepDone, output: output, data: data, summary: line(res.Summary)}
}

func (x *executor) judgeAwaitRun(c claimed, t *Task, s Start) outcome {
	s.Parent = c.run.ID
	if s.Actor == "" {
		s.Actor = c.run.Actor
	}
	switch err := s.validate(); {
	case s.ID == "":
		return x.failed(c, pave.Errorf(pave.Internal, "handler %s awaits a run without an id", c.step.handler))
	case t.Child != nil && t.Child.ID == s.ID: // it would be called again at once, for ever
		return x.failed(c, pave.Errorf(pave.Internal, "handler %s awaits %s again, which has ended", c.step.handler, s.ID))
	case err != nil:
		return x.failed(c, err)
	}
	return outcome{state: pave.StepWaiting, child: &s, reason: line(s.Title)}
}

// failed is the outcome of an error that is not retried. The cause of an internal
// one goes to the log only.
func (x *executor) failed(c claimed, err error) outcome {
	out := outcome{state: pave.StepFailed, reason: line(err.Error()), hint: pave.HintOf(err)}
	if pave.CodeOf(err) == pave.Internal {
		x.log.Error("step failed", "run", c.run.ID, "step", c.step.Key, "attempt", c.step.Attempt, "error", err)
		out.reason, out.hint = "internal error ("+c.run.ID+")", ""
	}
	if out.hint == "" {
		out.hint = defaultHint(c.run.ID)
	}
	return out
}

// untilLater is how long a step waits that was told to, and has been at it for so long: a
// little more, so that not all who were told come in the same moment.
func untilLater(told, since time.Duration) time.Duration {
	least := min(max(since/10, minLater), calmLater)
	wait := min(max(told, least), maxLater)
	return wait + rand.N(min(wait/10, calmLater))
}

// pause draws the time before the try after the given number of failures.
func (r Retry) pause(failures int) time.Duration {
	most := r.Base << min(failures, 20)
	if most <= 0 || most > r.Max {
		most = r.Max
	}
	return rand.N(most) + time.Microsecond
}

// line makes text from outside fit for one line on a terminal: no control
// characters, at most maxLine bytes.
func line(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > maxLine {
		s = strings.ToValidUTF8(s[:maxLine], "") + "..."
	}
	return strings.TrimSpace(s)
}
