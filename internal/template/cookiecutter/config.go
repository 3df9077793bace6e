package cookiecutter

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/template/jinja"
)

// A config is what cookiecutter.json says. Values are nil, bool, int64, float64,
// string, []any and *jinja.Dict.
type config struct {
	file   string
	values *jinja.Dict
}

// own are the keys that steer cookiecutter and are no variables one may set.
var own = []string{
	"_copy_without_render", "_extensions", "_jinja2_env_vars", "_new_lines", "__prompts__",
	"_template", "_output_dir", "_repo_dir", "_checkout",
}

func parseConfig(file string, data []byte) (*config, error) {
	if !utf8.Valid(data) {
		return nil, pave.Errorf(pave.Invalid, "%s is not UTF-8", file)
	}
	var whole any
	if err := json.Unmarshal(data, &whole); err != nil {
		return nil, jsonError(file, data, err)
	}
	value, err := decodeJSON(data)
	if err != nil {
		return nil, pave.Errorf(pave.Invalid, "%s: %w", file, err)
	}
	values, ok := value.(*jinja.Dict)
	if !ok {
		return nil, pave.Errorf(pave.Invalid, "%s is not a JSON object", file).
			WithHint(`write { "project_slug": "default", ... }`)
	}
	return &config{file: file, values: values}, nil
}

// jsonError says where the JSON is broken.
func jsonError(file string, data []byte, err error) error {
	at := len(data)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) && !errors.Is(err, io.ErrUnexpectedEOF) {
		at = min(at, max(0, int(syntax.Offset)-1))
	}
	before := data[:at]
	line := bytes.Count(before, []byte("\n")) + 1
	col := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	e := pave.Errorf(pave.Invalid, "%s:%d:%d is not JSON: %s", file, line, col, err)
	if last := bytes.TrimRight(before, " \t\r\n"); bytes.HasSuffix(last, []byte(",")) {
		return e.WithHint("take away the comma before it")
	}
	return e.WithHint("JSON has neither comments nor single quotes nor commas after the last value")
}

var errDeep = errors.New("values are nested too deeply")

// decodeJSON reads a value, keeping the order of keys. What follows it is left.
func decodeJSON(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return decode(d, 0)
}

// decode reads one value.
func decode(d *json.Decoder, depth int) (any, error) {
	tok, err := d.Token()
	if err != nil {
		return nil, err
	}
	if depth > maxDepth {
		return nil, errDeep
	}
	switch tok := tok.(type) {
	case json.Number:
		return number(tok), nil
	case json.Delim:
		if tok == '[' {
			return decodeList(d, depth)
		}
		return decodeDict(d, depth)
	}
	return tok, nil
}

func decodeList(d *json.Decoder, depth int) (any, error) {
	list := []any{}
	for d.More() {
		v, err := decode(d, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := d.Token()
	return list, err
}

func decodeDict(d *json.Decoder, depth int) (any, error) {
	dict := jinja.NewDict()
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		v, err := decode(d, depth+1)
		if err != nil {
			return nil, err
		}
		dict.Set(key.(string), v)
	}
	_, err := d.Token()
	return dict, err
}

// number is a whole number where it is written as one, as in Python. One that is
// too large stays text, since variables are made text anyway.
func number(n json.Number) any {
	if i, err := n.Int64(); err == nil {
		return i
	}
	if f, err := n.Float64(); err == nil && strings.ContainsAny(n.String(), ".eE") {
		return f
	}
	return n.String()
}

func (c *config) bad(key, rule, hint string) error {
	return pave.Errorf(pave.Invalid, "%s: %s %s", c.file, key, rule).WithHint("%s", hint)
}

// check looks at the keys that steer cookiecutter.
func (c *config) check() error {
	if _, err := c.options(); err != nil {
		return err
	}
	if err := c.checkExtensions(); err != nil {
		return err
	}
	if _, err := c.patterns(); err != nil {
		return err
	}
	if _, err := c.newlines(); err != nil {
		return err
	}
	if v, ok := c.values.Get("__prompts__"); ok {
		if _, ok := v.(*jinja.Dict); !ok {
			return c.bad("__prompts__", "is not an object", `write "__prompts__": { "variable": "question" }`)
		}
	}
	for _, key := range c.values.Keys() {
		if v, _ := c.values.Get(key); kindOf(v) == KindChoice && !strings.HasPrefix(key, "_") && len(v.([]any)) == 0 {
			return c.bad(key, "has no choices", "list at least one, the default first")
		}
	}
	return nil
}

// known are the extensions that are built in.
var known = []string{
	"cookiecutter.extensions.JsonifyExtension", "cookiecutter.extensions.RandomStringExtension",
	"cookiecutter.extensions.SlugifyExtension", "cookiecutter.extensions.TimeExtension",
	"cookiecutter.extensions.UUIDExtension", "jinja2_time.TimeExtension",
	extDo, extLoops, "jinja2.ext.with_", "jinja2.ext.autoescape",
}

const (
	extDo    = "jinja2.ext.do"
	extLoops = "jinja2.ext.loopcontrols"
)

func (c *config) extensions() ([]string, error) {
	v, _ := c.values.Get("_extensions")
	return c.texts("_extensions", v)
}

func (c *config) checkExtensions() error {
	names, err := c.extensions()
	if err != nil {
		return err
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return c.bad("_extensions", "asks for "+name+", which is a program in Python",
				"pave has the filters jsonify and slugify, random_ascii_string, uuid4 and now built in; take the extension out or write what it does in the template")
		}
	}
	return nil
}

func (c *config) texts(key string, v any) ([]string, error) {
	if v == nil {
		return nil, nil
	}
	list, ok := v.([]any)
	if !ok {
		return nil, c.bad(key, "is not a list", `write "`+key+`": ["..."]`)
	}
	var out []string
	for _, item := range list {
		s, ok := item.(string)
		if !ok {
			return nil, c.bad(key, "has a value that is not text", `write "`+key+`": ["..."]`)
		}
		out = append(out, s)
	}
	return out, nil
}

// patterns are those of _copy_without_render. As in cookiecutter, a text is the
// list of its characters.
func (c *config) patterns() ([]string, error) {
	v, _ := c.values.Get("_copy_without_render")
	if s, ok := v.(string); ok {
		return strings.Split(s, ""), nil
	}
	return c.texts("_copy_without_render", v)
}

// newlines returns the line ending of all files, or "" where each keeps its own.
func (c *config) newlines() (string, error) {
	switch v, _ := c.values.Get("_new_lines"); v {
	case nil, false, "":
		return "", nil
	case "\n", "\r\n", "\r":
		return v.(string), nil
	}
	return "", c.bad("_new_lines", "is not a line ending", `write "\n", "\r\n" or "\r"`)
}

// oldNested matches "Title (./path)".
var oldNested = regexp.MustCompile(`\((.+)\)`)

// nested reads the keys "templates" and, its older form, "template". Of other types
// they are variables, as they were for cookiecutter 1.
func (c *config) nested(dir string) ([]Nested, error) {
	v, _ := c.values.Get("templates")
	if options, ok := v.(*jinja.Dict); ok {
		var out []Nested
		for _, name := range options.Keys() {
			v, _ := options.Get(name)
			option, _ := v.(*jinja.Dict)
			if option == nil {
				return nil, c.bad("templates", "has no object for "+name, `write "`+name+`": { "path": "./folder" }`)
			}
			out = append(out, Nested{Name: name, Path: text(option, "path"), Title: text(option, "title"), Description: text(option, "description")})
		}
		return out, c.checkNested(out, dir)
	}
	v, _ = c.values.Get("template")
	if list, ok := v.([]any); ok {
		var out []Nested
		for _, item := range list {
			s, _ := item.(string)
			m := oldNested.FindStringSubmatch(s)
			if m == nil {
				return nil, c.bad("template", "has a choice without a folder in brackets", `write "Title (./folder)"`)
			}
			title := strings.TrimSpace(strings.Replace(s, m[0], "", 1))
			out = append(out, Nested{Name: path.Base(path.Clean(m[1])), Path: m[1], Title: title})
		}
		return out, c.checkNested(out, dir)
	}
	return nil, nil
}

func text(d *jinja.Dict, key string) string {
	v, _ := d.Get(key)
	s, _ := v.(string)
	return s
}

// checkNested cleans the paths of nested templates and refuses those outside.
func (c *config) checkNested(list []Nested, dir string) error {
	for i, n := range list {
		to := path.Join(dir, n.Path)
		if n.Path == "" || path.IsAbs(n.Path) || strings.HasPrefix(to+"/", "../") || path.Clean(n.Path) == "." {
			return c.bad("templates", "gives "+n.Name+" the path \""+n.Path+"\", which is not a folder below", `write "path": "./folder"`)
		}
		list[i].Path = path.Clean(n.Path)
	}
	return nil
}
