package terraform

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/pave-platform/pave"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// An interface is what a module asks for and gives out.
type iface struct {
	Inputs  []pave.ModuleInput
	Outputs []pave.ModuleOutput
	vars    map[string]variable // by input
	fuel    *fuel
}

// schema is the part of a module's files that is read. Other blocks are left alone.
var schema = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "variable", LabelNames: []string{"name"}}, {Type: "output", LabelNames: []string{"name"}}}}

// inspect reads variables and outputs from the files of a module's first folder.
func inspect(files fs.FS) (iface, error) {
	out := iface{vars: map[string]variable{}, fuel: &fuel{left: maxFuel}}
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return out, diskError(err)
	}
	parser, found, size := hclparse.NewParser(), false, 0
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() || !strings.HasSuffix(name, ".tf") && !strings.HasSuffix(name, ".tf.json") {
			continue
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return out, diskError(err)
		}
		found = true
		parse, check := parser.ParseHCL, tame
		if path.Ext(name) == ".json" {
			parse, check = parser.ParseJSON, tameJSON
		}
		if size += len(data); size > maxSource {
			return out, untame(name, 1, "the files up to here have more than 1 MiB")
		}
		if err := check(data, name); err != nil {
			return out, err
		}
		file, diags := parse(data, name)
		if diags.HasErrors() {
			return out, broken(diags)
		}
		content, _, diags := file.Body.PartialContent(schema)
		if diags.HasErrors() {
			return out, broken(diags)
		}
		for _, b := range content.Blocks {
			out.add(b, data)
		}
	}
	if !found {
		return out, pave.Errorf(pave.Invalid, "module: there is no file *.tf in its folder").WithHint("name the folder that holds main.tf")
	}
	slices.SortFunc(out.Inputs, func(a, b pave.ModuleInput) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(out.Outputs, func(a, b pave.ModuleOutput) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// broken says where a module cannot be read.
func broken(diags hcl.Diagnostics) error {
	for _, d := range diags {
		if d.Severity == hcl.DiagError && d.Subject != nil {
			return pave.Errorf(pave.Invalid, "module: %s:%d: %s", d.Subject.Filename, d.Subject.Start.Line, d.Summary).
				WithHint("terraform validate in its folder says more")
		}
	}
	return pave.Errorf(pave.Invalid, "module: %s", diags.Error()).WithHint("terraform validate in its folder says more")
}

func (i *iface) add(b *hcl.Block, source []byte) {
	content, _, _ := b.Body.PartialContent(&hcl.BodySchema{ // what else is in it is terraform's to judge
		Attributes: []hcl.AttributeSchema{{Name: "description"}, {Name: "type"}, {Name: "default"}, {Name: "sensitive"}, {Name: "ephemeral"}, {Name: "nullable"}},
		Blocks:     []hcl.BlockHeaderSchema{{Type: "validation"}}})
	attrs := content.Attributes
	if b.Type == "output" {
		i.Outputs = append(i.Outputs, pave.ModuleOutput{Name: b.Labels[0], Description: textOf(exprOf(attrs["description"])), Sensitive: yes(attrs["sensitive"])})
		return
	}
	in := pave.ModuleInput{Name: b.Labels[0], Description: textOf(exprOf(attrs["description"])), Sensitive: yes(attrs["sensitive"]),
		Required: attrs["default"] == nil}
	if t := attrs["type"]; t != nil {
		in.Type = strings.Trim(strings.Join(strings.Fields(string(t.Expr.Range().SliceBytes(source))), " "), `"`)
	}
	v := variableOf(content, i.fuel)
	for _, r := range v.rules {
		if text := textOf(r.message); text != "" {
			in.Rules = append(in.Rules, text)
		}
	}
	i.vars[in.Name] = v
	i.Inputs = append(i.Inputs, in)
}

// textOf is the text of an expression that needs nothing else to be known.
func textOf(e hcl.Expression) string {
	if !verbatim(e) {
		return ""
	}
	v, diags := e.Value(nil)
	if diags.HasErrors() || v.IsNull() || !v.IsKnown() || v.Type() != cty.String {
		return ""
	}
	return v.AsString()
}

func exprOf(a *hcl.Attribute) hcl.Expression {
	if a == nil {
		return nil
	}
	return a.Expr
}

// yes reports whether an attribute is true, or is there and cannot be read.
func yes(a *hcl.Attribute) bool {
	if a == nil || !verbatim(a.Expr) {
		return a != nil
	}
	v, diags := a.Expr.Value(nil)
	if diags.HasErrors() {
		return true
	}
	v, err := convert.Convert(v, cty.Bool) // so does terraform
	return err != nil || v.IsKnown() && !v.IsNull() && v.True()
}
