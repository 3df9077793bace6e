package platform

import (
	"errors"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/workflow"
)

func TestJudgeChecks(t *testing.T) {
	t.Parallel()
	check := func(states ...string) (out []pave.CommitCheck) {
		for _, s := range states {
			out = append(out, pave.CommitCheck{Name: "ci", State: s})
		}
		return out
	}
	for name, c := range map[string]struct {
		checks []pave.CommitCheck
		waited time.Duration
		want   string // done, again, or a code
	}{
		"passed":             {check(pave.CheckSuccess), 0, "done"},
		"passed and skipped": {check(pave.CheckSuccess, pave.CheckSkipped), 0, "done"},
		"one goes on":        {check(pave.CheckSuccess, pave.CheckPending), time.Minute, "again"},
		"one failed":         {check(pave.CheckPending, pave.CheckFailure), 0, "invalid"},
		"for too long":       {check(pave.CheckPending), 3 * time.Hour, "invalid"},
		"none yet":           {nil, time.Minute, "again"},
		"none at all":        {nil, time.Hour, "invalid"},
	} {
		_, err := judgeChecks(c.checks, "0123456789", c.waited)
		got := string(pave.CodeOf(err))
		if again := (workflow.Again{}); errors.As(err, &again) {
			got = "again"
		} else if err == nil {
			got = "done"
		}
		if got != c.want {
			t.Errorf("%s: %s (%v), want %s", name, got, err, c.want)
		}
	}
}
