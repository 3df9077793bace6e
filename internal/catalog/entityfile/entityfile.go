// Package entityfile reads catalog-info.yaml, the file by which repositories of
// organisations that have Backstage describe what they hold. Nobody writes one for pave:
// where one is, what it says is taken in. What is wrong with one field or one document
// hides nothing else of the file. The package is pure: bytes in, entities and faults out.
package entityfile

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/yamlsize"
	"sigs.k8s.io/yaml"
)

// Name is what the file is called unless somebody says otherwise.
const Name = "catalog-info.yaml"

// Bounds of one file.
const (
	MaxBytes     = 1 << 20
	maxDocuments = 200
	maxDepth     = 64
	maxValues    = 200     // of one list of an entity
	maxNodes     = 200_000 // values of all documents, with what aliases repeat
	maxText      = 8 << 20 // bytes of them
)

// An Entity is what one document describes.
type Entity struct {
	Kind        string // one of Kinds
	Namespace   string // default where the document names none
	Name        string
	Title       string
	Description string
	Tags        []string
	Labels      map[string]string
	Annotations map[string]string
	Links       []Link
	Type        string
	Lifecycle   string
	Owner       Ref // the zero Ref where none is said
	Definition  bool
	Targets     []string // of a Location: addresses, and files beside this one
	Relations   []Relation
	Where       string // "document 2 (line 14)"
}

// Ref is how others refer to the entity.
func (e Entity) Ref() Ref {
	return Ref{strings.ToLower(e.Kind), strings.ToLower(e.Namespace), strings.ToLower(e.Name)}
}

// A Link leads people to more.
type Link struct{ URL, Title string }

// A Relation leads to another entity: owned-by, part-of, depends-on, provides, consumes,
// member-of or holds.
type Relation struct {
	Kind string
	To   Ref
}

// Parse reads a file. Faults are *pave.Error, each with its document, field, value and
// fix; a document without a kind and a name is a fault alone, everything else is read as
// far as it is good.
func Parse(data []byte) (entities []Entity, faults []error) {
	if len(data) > MaxBytes {
		return nil, []error{pave.Errorf(pave.Invalid, "the file is larger than 1 MiB").WithHint("split it, and name the parts in a Location")}
	}
	if !utf8.Valid(data) {
		return nil, []error{pave.Errorf(pave.Invalid, "the file is not UTF-8").WithHint("save it as UTF-8")}
	}
	documents, more := split(bytes.TrimPrefix(data, []byte("\ufeff")))
	if more {
		faults = append(faults, pave.Errorf(pave.Invalid, "the file has more than %d documents: the first %d are read", maxDocuments, maxDocuments).
			WithHint("split it, and name the parts in a Location"))
	}
	seen, left := map[Ref]string{}, room{maxNodes, maxText}
	for _, d := range documents {
		value, err := d.read(&left)
		if err != nil {
			faults = append(faults, err)
		}
		if value == nil {
			continue
		}
		r := &reader{where: d.where()}
		e, ok := r.entity(value)
		if first := seen[e.Ref()]; ok && first != "" {
			r.fault("metadata.name", e.Name, "is described by "+first+" too", "give it another name, or take one of the documents out")
			ok = false
		}
		if ok {
			seen[e.Ref()] = d.where()
			entities = append(entities, e)
		}
		faults = append(faults, r.faults...)
	}
	return entities, faults
}

// document is one of a file.
type document struct {
	number, line int
	text         []byte
}

func (d document) where() string { return fmt.Sprintf("document %d (line %d)", d.number, d.line) }

// split cuts a file where a line begins with three dashes, which no text within a
// document can: that way one that cannot be read does not hide those after it.
func split(data []byte) (out []document, more bool) {
	one, number := document{line: 1}, 0
	end := func() bool {
		if number++; blank(one.text) {
			number--
			return true
		}
		if len(out) == maxDocuments {
			return false
		}
		one.number = number
		out = append(out, one)
		return true
	}
	line := 0
	for text := range bytes.Lines(data) {
		line++
		rest, cut := bytes.CutPrefix(text, []byte("---"))
		if cut && (len(rest) == 0 || strings.ContainsRune(" \t\r\n", rune(rest[0]))) {
			if !end() {
				return out, true
			}
			one, text = document{line: line}, rest
			if blank(rest) {
				one.line++
			}
		}
		one.text = append(one.text, text...)
	}
	return out, !end()
}

// blank reports whether there is nothing but comments.
func blank(text []byte) bool {
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && string(line) != "..." {
			return false
		}
	}
	return true
}

const mend = "mend the YAML; the line is counted from that of the document"

// room is how many values and bytes of them the file may still have.
type room struct{ values, bytes int }

func (r room) none() bool { return r.values <= 0 || r.bytes <= 0 }

// read reads a document into maps and lists, nil where that cannot be.
func (d document) read(left *room) (map[string]any, error) {
	bad := func(format string, args ...any) *pave.Error {
		return pave.Errorf(pave.Invalid, d.where()+": "+format, args...)
	}
	if left.none() {
		return nil, bad("is not read: the file has too many or too long values before it").WithHint("use fewer aliases (*name), or split the file")
	}
	if err := yamlsize.Check(d.text); err != nil {
		return nil, bad("cannot be read: %s", oneLine(err.Error())).WithHint("%s", cmp.Or(pave.HintOf(err), mend))
	}
	text, err := yaml.YAMLToJSONStrict(d.text)
	if err != nil {
		if strings.Contains(err.Error(), "excessive aliasing") {
			left.values = 0
		}
		return nil, bad("cannot be read: %s", oneLine(err.Error())).WithHint(mend)
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return nil, bad("cannot be read: %s", oneLine(err.Error())).WithHint("mend the YAML")
	}
	left.bytes -= len(text)
	if deep := count(value, &left.values, 0); deep || left.none() {
		return nil, bad("is nested deeper than %d or has more than %d values or %d MiB", maxDepth, maxNodes, maxText>>20).WithHint("use fewer aliases (*name), or split the file")
	}
	if value == nil {
		return nil, nil
	}
	fields, ok := value.(map[string]any)
	if !ok {
		return nil, bad("is no entity, which has fields: it is %s", kindOf(value)).WithHint("begin with apiVersion: backstage.io/v1alpha1")
	}
	return fields, nil
}

// count takes the values off what is left, and reports whether they are nested too deep.
func count(v any, left *int, depth int) (deep bool) {
	*left--
	if depth > maxDepth {
		return true
	}
	switch v := v.(type) {
	case map[string]any:
		for _, one := range v {
			deep = count(one, left, depth+1) || deep
		}
	case []any:
		for _, one := range v {
			deep = count(one, left, depth+1) || deep
		}
	}
	return deep
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "..."
	}
	return s
}
