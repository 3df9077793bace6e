package entityfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
)

// Kinds are those of entities there are.
var Kinds = []string{"Component", "API", "Resource", "System", "Domain", "Group", "User", "Location", "Template"}

// Allowed are the kinds that are taken in unless somebody says otherwise.
var Allowed = []string{"Component", "System", "API", "Resource", "Location", "Template"}

// specOf are the fields of spec that an entity of a kind has to have.
var specOf = map[string][]string{
	"Component": {"type", "lifecycle", "owner"}, "API": {"type", "lifecycle", "owner", "definition"}, "Resource": {"type", "owner"},
	"System": {"owner"}, "Domain": {"owner"}, "Group": {"type"}, "Template": {"type"},
}

// relations are the fields of spec that lead to other entities.
var relations = []struct{ field, relation, kind string }{
	{"owner", "owned-by", "Group"}, {"system", "part-of", "System"}, {"domain", "part-of", "Domain"}, {"subdomainOf", "part-of", "Domain"},
	{"subcomponentOf", "part-of", "Component"}, {"parent", "part-of", "Group"}, {"children", "holds", "Group"}, {"members", "holds", "User"},
	{"memberOf", "member-of", "Group"}, {"dependsOn", "depends-on", ""}, {"providesApis", "provides", "API"}, {"consumesApis", "consumes", "API"},
}

// reader takes one document apart.
type reader struct {
	where  string
	what   string // "Component shop", once it is known
	faults []error
}

func (r *reader) fault(field, value, rule, fix string) {
	e := pave.BadField(field, oneLine(value), rule, fix)
	e.Message = strings.TrimSuffix(r.where+", "+r.what, ", ") + ": " + e.Message
	r.faults = append(r.faults, e)
}

// entity reads a document that has fields; not ok where it cannot be said what it is of.
func (r *reader) entity(doc map[string]any) (e Entity, ok bool) {
	e.Where = r.where
	meta := r.object(doc, "metadata")
	if e.Kind, ok = r.kind(doc); !ok {
		return e, false
	}
	r.what = e.Kind
	e.Name = r.text(meta, "metadata.name")
	if !namePattern.MatchString(e.Name) {
		r.fault("metadata.name", e.Name, "is no name", "63 letters, digits, - _ and . at most, which begin and end with a letter or digit")
		return e, false
	}
	r.what += " " + e.Name
	if e.Namespace = r.text(meta, "metadata.namespace"); e.Namespace == "" {
		e.Namespace = defaultNamespace
	}
	if !namePattern.MatchString(e.Namespace) {
		r.fault("metadata.namespace", e.Namespace, "is no namespace", "lower-case letters, digits and -, or leave it out")
		return e, false
	}
	e.Title, e.Description = r.text(meta, "metadata.title"), r.text(meta, "metadata.description")
	e.Tags = r.list(meta, "metadata.tags")
	e.Labels, e.Annotations = r.texts(meta, "metadata.labels"), r.texts(meta, "metadata.annotations")
	e.Links = r.links(meta)
	r.spec(&e, r.object(doc, "spec"))
	return e, true
}

// kind is what a document describes, in the spelling of Kinds.
func (r *reader) kind(doc map[string]any) (string, bool) {
	version, kind := r.text(doc, "apiVersion"), r.text(doc, "kind")
	group, _, _ := strings.Cut(version, "/")
	if group != "backstage.io" && group != "scaffolder.backstage.io" {
		r.fault("apiVersion", version, "is none of a catalog", "apiVersion: backstage.io/v1alpha1, of a Template scaffolder.backstage.io/v1beta3")
		return "", false
	}
	i := slices.IndexFunc(Kinds, func(k string) bool { return strings.EqualFold(k, kind) })
	if i < 0 {
		fix := "one of " + strings.Join(Kinds, ", ")
		if near := pave.DidYouMean(kind, Kinds); near != "" {
			fix = "did you mean " + near + "?"
		}
		r.fault("kind", kind, "is not known", fix)
		return "", false
	}
	return Kinds[i], true
}

// spec reads what differs by kind.
func (r *reader) spec(e *Entity, spec map[string]any) {
	for _, field := range specOf[e.Kind] {
		if v, there := spec[field]; !there || v == nil || v == "" {
			r.fault("spec."+field, "", "is missing", "every "+e.Kind+" has one")
		}
	}
	e.Type, e.Lifecycle = r.text(spec, "spec.type"), r.text(spec, "spec.lifecycle")
	e.Definition = spec["definition"] != nil
	if e.Kind == "Location" {
		if target := r.text(spec, "spec.target"); target != "" {
			e.Targets = append(e.Targets, target)
		}
		e.Targets = append(e.Targets, r.list(spec, "spec.targets")...)
		if len(e.Targets) == 0 {
			r.fault("spec.target", "", "is missing", "a Location has a target or targets")
		}
		return
	}
	for _, rel := range relations {
		for _, text := range r.oneOrMore(spec, "spec."+rel.field) {
			to, wrong := ParseRef(text, rel.kind, e.Namespace)
			if wrong != "" {
				r.fault("spec."+rel.field, text, wrong, "as in "+example(rel.kind))
				continue
			}
			if rel.field == "owner" {
				e.Owner = to
			}
			if one := (Relation{rel.relation, to}); !slices.Contains(e.Relations, one) {
				e.Relations = append(e.Relations, one)
			}
		}
	}
}

func example(kind string) string {
	if kind == "" {
		return "resource:default/shop-db; the kind has to be said"
	}
	return fmt.Sprintf("%s:default/shop, or shop alone", strings.ToLower(kind))
}

// last is the part of a field's path that its object knows it by.
func last(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

func (r *reader) object(in map[string]any, path string) map[string]any {
	v := in[last(path)]
	out, ok := v.(map[string]any)
	if !ok && v != nil {
		r.fault(path, show(v), "is "+kindOf(v)+", not fields", "indent what belongs to it by two blanks")
	}
	return out
}

// text is a text, or a number or truth that stands for one.
func (r *reader) text(in map[string]any, path string) string {
	switch v := in[last(path)].(type) {
	case nil:
		return ""
	case string:
		return strings.TrimSpace(v)
	case float64, bool:
		return show(v)
	default:
		r.fault(path, show(v), "is "+kindOf(v)+", not a text", "write one value after the colon")
		return ""
	}
}

// first is how many of the values of a field are read.
func (r *reader) first(path string, n int) int {
	if n > maxValues {
		r.fault(path, fmt.Sprintf("%d values", n), fmt.Sprintf("are more than %d: the first ones are read", maxValues), "name fewer")
	}
	return min(n, maxValues)
}

func (r *reader) list(in map[string]any, path string) []string {
	v := in[last(path)]
	all, ok := v.([]any)
	if !ok {
		if v != nil {
			r.fault(path, show(v), "is "+kindOf(v)+", not a list", "write each value on a line of its own, after - ")
		}
		return nil
	}
	all = all[:r.first(path, len(all))]
	var out []string
	for i, one := range all {
		name := fmt.Sprint(i)
		if text := r.text(map[string]any{name: one}, fmt.Sprintf("%s.%s", path, name)); text != "" {
			out = append(out, text)
		}
	}
	return out
}

// oneOrMore is a list, or the one value in the place of one.
func (r *reader) oneOrMore(in map[string]any, path string) []string {
	if _, ok := in[last(path)].([]any); ok {
		return r.list(in, path)
	}
	if text := r.text(in, path); text != "" {
		return []string{text}
	}
	return nil
}

func (r *reader) texts(in map[string]any, path string) map[string]string {
	var out map[string]string
	object := r.object(in, path)
	keys := slices.Sorted(maps.Keys(object))
	for _, key := range keys[:r.first(path, len(keys))] {
		v := object[key]
		switch v.(type) {
		case string, float64, bool:
			if out == nil {
				out = map[string]string{}
			}
			out[key] = show(v)
		case nil:
		default:
			r.fault(path+"."+key, show(v), "is "+kindOf(v)+", not a text", "write one value after the colon")
		}
	}
	return out
}

func (r *reader) links(meta map[string]any) []Link {
	v := meta["links"]
	all, ok := v.([]any)
	if !ok && v != nil {
		r.fault("metadata.links", show(v), "is "+kindOf(v)+", not a list", "- url: https://example.com")
	}
	var out []Link
	for i, one := range all[:r.first("metadata.links", len(all))] {
		at := fmt.Sprintf("metadata.links.%d", i)
		link := r.object(map[string]any{fmt.Sprint(i): one}, at)
		if url := r.text(link, at+".url"); url != "" {
			out = append(out, Link{url, r.text(link, at+".title")})
		} else {
			r.fault(at+".url", "", "is missing", "- url: https://example.com")
		}
	}
	return out
}

func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "nothing"
	case map[string]any:
		return "fields"
	case []any:
		return "a list"
	case string:
		return "a text"
	}
	return "a number or truth"
}

func show(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case map[string]any:
		return fmt.Sprintf("%d fields", len(v))
	case []any:
		return fmt.Sprintf("%d values", len(v))
	}
	return fmt.Sprint(v)
}
