package cookiecutter

import (
	"context"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pave-platform/pave"
)

// HookScript renders one of Hooks, for a caller who may run it. pre_prompt is taken
// as it is, since there are no answers yet when it is meant to run.
func (t *Template) HookScript(ctx context.Context, hook string, a *Answers, o Options) (File, error) {
	if !slices.Contains(t.hooks, hook) {
		return File{}, pave.BadField("hook", hook, "is not one of the template", "it has "+strings.Join(t.hooks, ", "))
	}
	at, _, err := t.source.follow(path.Join(t.dir, hook))
	if err != nil {
		return File{}, err
	}
	data, err := t.source.read(at, MaxBytes)
	if err != nil {
		return File{}, err
	}
	out := File{Path: hook, Mode: 0o755, Data: data}
	if strings.HasPrefix(hook, "hooks/pre_prompt") {
		return out, nil
	}
	if !utf8.Valid(data) {
		return File{}, pave.Errorf(pave.Invalid, "%s is not UTF-8", at)
	}
	r, err := t.newRenderer(ctx, a.clone(), o)
	if err != nil {
		return File{}, err
	}
	script, err := r.text(at, oneNewline.Replace(string(data)))
	out.Data = []byte(script)
	return out, err
}
