package platform

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/pipeline"
	"github.com/pave-platform/pave/internal/template"
)

// takes refuses an engine that a template's code does not speak to. The hint names the
// templates that do, and how one comes to code of the developer's own.
func (p *Platform) takes(ctx context.Context, t *template.Template, name pave.Name, kind, engine string) error {
	err := t.Takes(kind, engine)
	var e *pave.Error
	if !errors.As(err, &e) {
		return err
	}
	hint := e.Hint
	if others := p.speaking(ctx, kind, engine); len(others) > 0 {
		hint += fmt.Sprintf("; of %s there is code in %s", engine, strings.Join(others, ", "))
	}
	return e.WithHint("%s; pave add %s --service %s --engine %s gives it to code of your own", hint, kind, name, engine)
}

// speaking are the templates that say that their code speaks to an engine.
func (p *Platform) speaking(ctx context.Context, kind, engine string) (names []string) {
	all, _ := p.Templates.List(ctx)
	for _, t := range all {
		if slices.Contains(t.Engines[kind], engine) {
			names = append(names, t.Name)
		}
	}
	return names
}

// unused notes the backings of a new service that nothing is seen to use: the code does not
// read their address, and the template makes the same without them. The processes get them
// all the same.
func (p *Platform) unused(ctx context.Context, t *template.Template, name pave.Name, want pave.Wanted, tree *template.Tree, pipe pipeline.Pipeline) ([]string, error) {
	var out []string
	for i, b := range want.Resources {
		if uses(pipe, b) {
			continue
		}
		without := want
		without.Resources = slices.Delete(slices.Clone(want.Resources), i, i+1)
		other, err := t.Render(ctx, p.varsOf(name, without))
		if err != nil {
			return nil, err
		}
		if !sameFiles(tree, other) {
			continue
		}
		var vars []string
		for _, v := range b.Variables() {
			vars = append(vars, v.Name)
		}
		note := fmt.Sprintf("no code of %s is seen to use the %s: the processes get %s, for what you write", t.Name, b.Kind, strings.Join(vars, ", "))
		if others := p.speaking(ctx, b.Kind, b.Engine); len(others) > 0 {
			note += fmt.Sprintf("; of %s there is code in %s", b.Engine, strings.Join(others, ", "))
		}
		out = append(out, note)
	}
	return out, nil
}

// uses reports whether the code of a pipeline speaks to the engine of a backing, or reads
// one of its variables.
func uses(pipe pipeline.Pipeline, b pave.WantedBacking) bool {
	return slices.ContainsFunc(pipe.Needs, func(n pipeline.Need) bool { return n.Kind == b.Kind && n.Engine == b.Engine }) ||
		slices.ContainsFunc(pipe.Vars, func(v pipeline.Var) bool {
			return slices.ContainsFunc(b.Variables(), func(of pave.BackingVariable) bool { return of.Name == v.Name })
		})
}

func sameFiles(a, b *template.Tree) bool {
	return slices.EqualFunc(a.Files, b.Files, func(a, b template.File) bool {
		return a.Path == b.Path && a.Mode == b.Mode && string(a.Data) == string(b.Data)
	})
}
