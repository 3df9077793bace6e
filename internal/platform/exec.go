package platform

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/store"
)

// maxCommand bounds the arguments of a command, in bytes.
const maxCommand = 128 << 10

// Exec runs a command beside a process of a service. Frames of the caller come from in,
// those of the command go to out; flush sends them on. When ctx or in ends the command
// is ended. In a protected environment a lead alone may.
func (p *Platform) Exec(ctx context.Context, service string, r pave.Exec, in io.Reader, out io.Writer, flush func() error) error {
	svc, env, err := p.mayEnter(ctx, service, "exec", r.Environment)
	if err != nil {
		return err
	}
	if err := checkExec(r); err != nil {
		return err
	}
	rec, err := p.Resources.Live(ctx, p.DB, svc.ID, pave.Ref{Kind: pave.KindDeployment, Env: env, Service: svc.Name, Name: string(svc.Name)})
	if err != nil {
		return pave.Errorf(pave.NotFound, "nothing of %s runs in %s yet", svc.Name, env).WithHint("pave status %s", svc.Name)
	}
	command, err := p.shownCommand(ctx, svc, env, r.Command)
	if err != nil {
		return err
	}
	if err := p.audit(ctx, "exec", "service:"+string(svc.Name), fmt.Sprintf("%s: %s", env, command)); err != nil {
		return err
	}
	body, err := p.Node.Exec(ctx, node.Session{Workload: rec.ID, Exec: r}, in)
	if err != nil {
		return err
	}
	defer body.Close()
	buf := make([]byte, 64<<10)
	if err := flush(); err != nil { // the caller learns that it runs
		return err
	}
	for {
		n, err := body.Read(buf)
		if n > 0 {
			if _, werr := out.Write(buf[:n]); werr != nil {
				return werr
			}
			if werr := flush(); werr != nil {
				return werr
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return pave.Errorf(pave.Unavailable, "the node went away under the command: %w", err)
		}
	}
}

// mayEnter is a service and the environment of it that somebody wants to run something
// in: a developer of the team may, in a protected environment a lead.
func (p *Platform) mayEnter(ctx context.Context, service, verb, environment string) (pave.Service, pave.Name, error) {
	svc, env, err := p.environmentFor(ctx, service, verb, environment)
	if err != nil {
		return svc, env, err
	}
	protected, err := p.protected(ctx, env)
	if err != nil || !protected {
		return svc, env, err
	}
	return svc, env, p.Access.May(ctx, access.Lead, access.Service(svc).For(verb, env))
}

// environmentFor is a service and the environment of it that a verb of developers is
// about.
func (p *Platform) environmentFor(ctx context.Context, service, verb, environment string) (pave.Service, pave.Name, error) {
	svc, err := p.Service(ctx, service)
	if err != nil {
		return svc, "", err
	}
	if err := p.Access.May(ctx, access.Write, access.Service(svc).For(verb, "")); err != nil {
		return svc, "", err
	}
	env, err := p.environmentOf(ctx, transition{service: svc, to: pave.Wanted{Environments: svc.Environments}}, environment)
	if err != nil {
		return svc, "", err
	}
	return svc, env, p.Access.May(ctx, access.Write, access.Service(svc).For(verb, env))
}

func checkExec(r pave.Exec) error {
	total := 0
	for _, word := range r.Command {
		total += len(word) + 1
	}
	switch {
	case len(r.Command) == 0 || r.Command[0] == "":
		return pave.BadField("command", "", "is empty", "pave exec NAME -- CMD")
	case total > maxCommand:
		return pave.BadField("command", r.Command[0], "is too long", fmt.Sprintf("at most %d bytes; give it more by its input", maxCommand))
	case r.Seconds < 0 || time.Duration(r.Seconds)*time.Second > pave.MaxExec:
		return pave.BadField("seconds", fmt.Sprint(r.Seconds), "must be 1 second to "+pave.MaxExec.String(), "--for 1h")
	}
	return nil
}

func (p *Platform) audit(ctx context.Context, action, object, detail string) error {
	return p.DB.Tx(ctx, func(tx *store.Tx) error { return p.Access.AuditTx(ctx, tx, action, object, detail) })
}

const hidden = "••••••"

var (
	secretWord = regexp.MustCompile(`(?i)(pass|secret|token|key|credential|auth)`)
	userinfo   = regexp.MustCompile(`(://[^/@:\s]*:)[^/@\s]+@`)
)

// shownCommand is a command as the audit log keeps it: without the values of the
// service's secrets, and without what looks like one.
func (p *Platform) shownCommand(ctx context.Context, svc pave.Service, env pave.Name, command []string) (string, error) {
	records, err := p.Resources.List(ctx, p.DB, svc.ID)
	if err != nil {
		return "", err
	}
	var values []string
	for _, r := range records {
		if r.Ref.Kind != pave.KindSecret || r.Ref.Env != env || !r.Live() {
			continue
		}
		all, err := p.Resources.SecretsOf(ctx, r)
		if err != nil { // what is not known cannot be looked for
			return command[0] + " " + hidden, nil
		}
		for _, v := range all {
			if len(v.Reveal()) >= 4 {
				values = append(values, v.Reveal())
			}
		}
	}
	return clip(redactCommand(command, values), 500), nil
}

func redactCommand(command, values []string) string {
	out := make([]string, len(command))
	for i, word := range command {
		for _, v := range values {
			word = strings.ReplaceAll(word, v, hidden)
		}
		word = userinfo.ReplaceAllString(word, "${1}"+hidden+"@")
		if name, _, ok := strings.Cut(word, "="); ok && secretWord.MatchString(name) {
			word = name + "=" + hidden
		}
		if i > 0 && strings.HasPrefix(command[i-1], "-") && secretWord.MatchString(command[i-1]) && !strings.Contains(command[i-1], "=") {
			word = hidden
		}
		out[i] = word
	}
	return strings.Join(out, " ")
}
