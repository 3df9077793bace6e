package hcp

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/go-tfe"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/terraform"
	"github.com/pave-platform/pave/internal/resource"
)

const (
	maxLog  = 4 << 20
	logTime = 30 * time.Second
)

// A failure is an error with the last lines of what terraform said of it.
type failure struct {
	err   error
	lines []string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// told keeps the last lines of a run for people.
func told(err error) (resource.State, error) {
	var f *failure
	if errors.As(err, &f) {
		return resource.State{Notes: f.lines}, f.err
	}
	return resource.State{}, err
}

// broken says why a run failed, by its log where that can be read. It is not begun again by
// itself, whatever the reason: each try is a run.
func (c *client) broken(ctx context.Context, run *tfe.Run) error {
	what, lines := c.log(ctx, run)
	if len(lines) == 0 {
		return pave.Errorf(pave.Invalid, "HCP Terraform: run %s failed", run.ID).WithHint("%s says why; a run that stopped goes on with pave retry", c.page(run.ID))
	}
	if run.PlanOnly {
		what = "look"
	}
	why := terraform.Explain(what, lines)
	code := pave.Invalid
	if pave.CodeOf(why) == pave.Conflict {
		code = pave.Conflict
	}
	err := pave.Errorf(code, "HCP Terraform: run %s failed: %w", run.ID, why).WithHint("%s; %s has its log", pave.HintOf(why), c.page(run.ID))
	return &failure{err, lines[max(0, len(lines)-20):]}
}

// log is what the part of a run said that failed, from the first error on; nothing where
// it cannot be read.
func (c *client) log(ctx context.Context, run *tfe.Run) (what string, lines []string) {
	if run.Plan == nil {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, logTime)
	defer cancel()
	plan, err := c.api.Plans.Read(ctx, run.Plan.ID)
	if err != nil {
		return "", nil
	}
	var text io.Reader
	if what = "plan"; plan.Status == tfe.PlanFinished && run.Apply != nil {
		what = "apply"
		text, err = c.api.Applies.Logs(ctx, run.Apply.ID)
	} else {
		text, err = c.api.Plans.Logs(ctx, plan.ID)
	}
	if err != nil {
		return what, nil
	}
	data, _ := io.ReadAll(io.LimitReader(text, maxLog)) // what came is enough
	return what, c.messages(string(data))
}

var colours = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]|[\x00-\x08]")

// messages are the errors in a log: lines of JSON, or what terraform writes for people.
func (c *client) messages(log string) []string {
	var told, plain []string
	clean := func(text string) string { return c.redact(colours.ReplaceAllString(text, "")) }
	for line := range strings.Lines(clean(log)) {
		var m struct {
			Diagnostic *struct{ Severity, Summary, Detail, Address string }
		}
		if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &m) != nil {
			plain = append(plain, strings.TrimSpace(line))
			continue
		}
		if d := m.Diagnostic; d != nil && d.Severity == "error" {
			told = append(told, "Error: "+clean(d.Summary))
			if d.Address != "" {
				told = append(told, "with "+clean(d.Address))
			}
			told = append(told, strings.Split(strings.TrimSpace(clean(d.Detail)), "\n")...)
		}
	}
	if len(told) > 0 {
		return terraform.Plain(told)
	}
	plain = terraform.Plain(plain)
	for i, l := range plain {
		if strings.HasPrefix(l, "Error: ") {
			return plain[i:]
		}
	}
	return nil
}

// redact takes the secrets of the binding out of a text.
func (c *client) redact(text string) string {
	for _, s := range c.secrets {
		if v := s.Reveal(); len(v) > 3 {
			text = strings.ReplaceAll(text, v, s.String())
		}
	}
	return text
}
