package template

import (
	_ "embed" // the schema
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/yamlsize"
	"sigs.k8s.io/yaml"
)

// ManifestSchema is the JSON Schema of template.yaml, for editors.
//
//go:embed template.schema.json
var ManifestSchema []byte

// A manifest is template.yaml.
type manifest struct {
	Name        string              `json:"name"`
	Version     string              `json:"version"`
	Title       string              `json:"title"`
	Description string              `json:"description"`
	Owner       string              `json:"owner"`
	Aliases     []string            `json:"aliases"`
	Inputs      *Schema             `json:"inputs"`
	Resources   []Resource          `json:"resources"`
	Run         pave.Override       `json:"run"`
	Variables   map[string]string   `json:"variables"`
	Engines     map[string][]string `json:"engines"`
	Files       []fileManifest      `json:"files"`
	Checks      []Check             `json:"checks"`
}

type fileManifest struct {
	Path string `json:"path"`
	When string `json:"when"`
}

func (m *manifest) template() *Template {
	t := &Template{
		Name: m.Name, Version: m.Version, Format: FormatPave, Title: m.Title, Description: m.Description, Owner: m.Owner,
		Aliases: m.Aliases, Inputs: m.Inputs, Resources: m.Resources, Run: m.Run, Variables: m.Variables, Engines: m.Engines, Checks: m.Checks,
	}
	for _, f := range m.Files {
		t.conditions = append(t.conditions, condition{strings.TrimSuffix(f.Path, "/"), f.When})
	}
	return t
}

// parseManifest reads template.yaml strictly: one document, no key twice, no key
// that is not known.
func parseManifest(data []byte) (*manifest, error) {
	if line := secondDocument(data); line > 0 {
		return nil, pave.Errorf(pave.Invalid, "%s:%d: a second document starts here; there must be one", manifestName, line)
	}
	if err := yamlsize.Check(data); err != nil {
		return nil, pave.Errorf(pave.Invalid, "%s: %s", manifestName, oneLine(err)).WithHint("%s", pave.HintOf(err))
	}
	var raw any
	if err := yaml.UnmarshalStrict(data, &raw); err != nil {
		return nil, pave.Errorf(pave.Invalid, "%s: %s", manifestName, oneLine(err))
	}
	if err := checkKeys(data, nil, raw, reflect.TypeFor[manifest]()); err != nil {
		return nil, err
	}
	// Not from data: that way the number 1.10 would become the text "1.1".
	asJSON, err := json.Marshal(raw)
	if err != nil {
		return nil, pave.Errorf(pave.Invalid, "%s: %w", manifestName, err)
	}
	m := &manifest{}
	if err := json.Unmarshal(asJSON, m); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return nil, pave.Errorf(pave.Invalid, "%s:%d: %s must be %s, not a %s", manifestName,
				lineOf(data, strings.Split(wrong.Field, ".")), wrong.Field, typeWord(wrong.Type), wrong.Value).
				WithHint("text that looks like a number or a boolean stands in quotes")
		}
		return nil, pave.Errorf(pave.Invalid, "%s: %s", manifestName, oneLine(err))
	}
	return m, nil
}

// oneLine is the text of a YAML error without its prefixes.
func oneLine(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	for _, prefix := range []string{"error converting YAML to JSON: ", "error unmarshaling JSON: ", "yaml: ", "unmarshal errors: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}

// secondDocument returns the line of a "---" that follows content, or 0.
func secondDocument(data []byte) int {
	content, n := false, 0
	for line := range strings.Lines(string(data)) {
		n++
		marker := strings.HasPrefix(line, "---")
		if marker && content {
			return n
		}
		if trimmed := strings.TrimSpace(line); !marker && trimmed != "" && trimmed[0] != '#' {
			content = true
		}
	}
	return 0
}

// checkKeys returns an error about the first key of raw that typ does not have.
func checkKeys(data []byte, path []string, raw any, typ reflect.Type) error {
	switch typ.Kind() {
	case reflect.Pointer:
		return checkKeys(data, path, raw, typ.Elem())
	case reflect.Slice:
		list, _ := raw.([]any)
		for _, v := range list {
			if err := checkKeys(data, path, v, typ.Elem()); err != nil {
				return err
			}
		}
	case reflect.Map:
		m, _ := raw.(map[string]any)
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if err := checkKeys(data, append(slices.Clip(path), k), m[k], typ.Elem()); err != nil {
				return err
			}
		}
	case reflect.Struct:
		m, _ := raw.(map[string]any)
		known := map[string]reflect.Type{}
		for f := range typ.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			known[name] = f.Type
		}
		for _, k := range slices.Sorted(maps.Keys(m)) {
			sub := append(slices.Clip(path), k)
			ft, ok := known[k]
			if !ok {
				return unknownKey(data, sub, slices.Sorted(maps.Keys(known)))
			}
			if err := checkKeys(data, sub, m[k], ft); err != nil {
				return err
			}
		}
	}
	return nil
}

func unknownKey(data []byte, path, known []string) error {
	key := path[len(path)-1]
	hint := "known keys are " + strings.Join(known, ", ")
	if near := pave.DidYouMean(key, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return pave.Errorf(pave.Invalid, "%s:%d: unknown key %q", manifestName, lineOf(data, path), strings.Join(path, ".")).
		WithHint("%s", hint)
}

// lineOf returns the line of the key that path leads to, looking for one key after
// the other. It is 1 for what it does not find.
func lineOf(data []byte, path []string) int {
	lines := strings.Split(string(data), "\n")
	at := 0
	for _, key := range path {
		re, err := regexp.Compile(`(^|[\s{,-])["']?` + regexp.QuoteMeta(key) + `["']?\s*:`)
		if err != nil {
			break
		}
		for i := at; i < len(lines); i++ {
			if re.MatchString(lines[i]) {
				at = i
				break
			}
		}
	}
	return at + 1
}

func typeWord(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Slice:
		return "a list"
	case reflect.Float64:
		return "a number"
	}
	return "a map"
}
