package platform

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/library"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/template"
)

// ListTemplates returns the golden paths there are.
func (p *Platform) ListTemplates(ctx context.Context) ([]pave.Template, error) {
	found, broken := p.Templates.List(ctx)
	out := []pave.Template{}
	for _, t := range found {
		view := viewOf(t)
		view.Files = len(example(ctx, t.Template))
		out = append(out, view)
	}
	for _, b := range broken {
		out = append(out, pave.Template{Name: b.Folder, Version: b.Serving, Source: b.Source, Error: b.Err.Error()})
	}
	return out, nil
}

func viewOf(t library.Found) pave.Template {
	view := pave.Template{Name: t.Name, Version: t.Version, Format: t.Format, Title: t.Title, Description: t.Description,
		Owner: t.Owner, Aliases: t.Aliases, Source: t.Source}
	for _, r := range t.Resources {
		view.Resources = append(view.Resources, strings.TrimSpace(r.Kind+" "+r.Engine))
	}
	if t.Inputs != nil {
		view.Inputs = slices.Sorted(maps.Keys(t.Inputs.Properties))
	}
	return view
}

// example is the files that a service of the template begins with; none where
// inputs without a default leave that open.
func example(ctx context.Context, t *template.Template) []string {
	tree, err := t.Render(ctx, template.Vars{Name: "example", Team: "example", Database: "postgresql", Cache: "redis", Environments: []string{"staging"}})
	if err != nil {
		return nil
	}
	var out []string
	for _, f := range tree.Files {
		out = append(out, f.Path)
	}
	return out
}

// Template returns all there is to know of a golden path: by name, NAME@VERSION,
// digest or address.
func (p *Platform) Template(ctx context.Context, ref string) (pave.TemplateDetail, error) {
	t, err := p.Templates.Kept(ctx, ref)
	if pave.CodeOf(err) == pave.Invalid && !strings.ContainsAny(ref, "/:@") {
		return pave.TemplateDetail{}, pave.Errorf(pave.NotFound, "there is no template %q", ref).WithHint("%s", pave.HintOf(err))
	}
	if err != nil {
		return pave.TemplateDetail{}, err
	}
	out := pave.TemplateDetail{Template: viewOf(t), Digest: t.Digest(), Notes: t.Notes(), Tree: example(ctx, t.Template)}
	out.Files = len(out.Tree)
	if t.Inputs != nil {
		for _, name := range out.Inputs {
			out.Fields = append(out.Fields, inputOf(name, t.Inputs))
		}
	}
	if out.Versions, err = p.Templates.Versions(ctx, t.Name); err != nil {
		return out, err
	}
	out.Services, err = p.usersOf(ctx, t.Name)
	return out, err
}

func inputOf(name string, s *template.Schema) pave.TemplateInput {
	f := s.Properties[name]
	in := pave.TemplateInput{Name: name, Type: f.Type, Description: f.Description, Rule: f.Rule(), Required: slices.Contains(s.Required, name)}
	if in.Description == "" {
		in.Description = f.Title
	}
	if f.Default != nil {
		in.Default = fmt.Sprint(f.Default)
	}
	for _, c := range f.Enum {
		in.Choices = append(in.Choices, fmt.Sprint(c))
	}
	return in
}

// usersOf returns the services that were made from a template.
func (p *Platform) usersOf(ctx context.Context, name string) ([]pave.TemplateUse, error) {
	all, err := p.Services(ctx, false)
	if err != nil {
		return nil, err
	}
	var out []pave.TemplateUse
	for _, svc := range all {
		rev, err := p.revision(ctx, p.DB, svc.ID, svc.Revision)
		if err != nil {
			return nil, err
		}
		if rev.Wanted.Template == name {
			out = append(out, pave.TemplateUse{Service: svc.Name, Team: rev.Wanted.Team, Version: rev.Wanted.Version})
		}
	}
	return out, nil
}

// UploadTemplate keeps a template that the caller sends as an archive, so that a
// create can name its digest.
func (p *Platform) UploadTemplate(ctx context.Context, name string, archive []byte) (pave.TemplateDetail, error) {
	who, _ := pave.PrincipalFrom(ctx)
	err := p.DB.Tx(ctx, func(tx *store.Tx) error {
		return p.Access.AuditTx(ctx, tx, "upload template", "template:"+clip(name, 60), "")
	})
	if err != nil {
		return pave.TemplateDetail{}, err
	}
	t, err := p.Templates.Upload(ctx, archive, name, who.User.Name)
	if err != nil {
		return pave.TemplateDetail{}, err
	}
	return p.Template(ctx, t.Digest())
}

// ImportTemplates lets every template serve that lies at an address.
func (p *Platform) ImportTemplates(ctx context.Context, address string) (pave.TemplateImport, error) {
	who, _ := pave.PrincipalFrom(ctx)
	err := p.DB.Tx(ctx, func(tx *store.Tx) error {
		return p.Access.AuditTx(ctx, tx, "import templates", "templates:"+clip(address, 200), "")
	})
	if err != nil {
		return pave.TemplateImport{}, err
	}
	return p.Templates.Import(ctx, address, who.User.ID)
}

// ForgetTemplates lets the templates of an address serve no longer.
func (p *Platform) ForgetTemplates(ctx context.Context, address string) error {
	err := p.DB.Tx(ctx, func(tx *store.Tx) error {
		return p.Access.AuditTx(ctx, tx, "forget templates", "templates:"+clip(address, 200), "")
	})
	if err != nil {
		return err
	}
	return p.Templates.Forget(ctx, address)
}

// TemplateSources returns where templates were imported from.
func (p *Platform) TemplateSources(ctx context.Context) ([]pave.TemplateSource, error) {
	return p.Templates.Sources(ctx)
}

// clip bounds a text from outside that is only to be read.
func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "..."
	}
	return s
}
