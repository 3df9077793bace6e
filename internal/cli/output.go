package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/itchyny/gojq"
	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// bare is the value of a --json without fields.
const bare = "?"

// A view is how the user wants an answer: its flags, and the fields there are.
type view struct {
	json, jq, output string
	fields           []string
	whole            bool // a bare --json gives everything: the answer is small
}

// viewFlags adds --json, --jq and -o to a command whose answer has the fields of
// sample.
func viewFlags(cmd *cobra.Command, sample any) *view {
	v := &view{fields: fieldsOf(reflect.TypeOf(sample))}
	f := cmd.Flags()
	f.Var(&jsonFlag{&v.json, sample}, "json", "print these `FIELDS` (a,b,c) as JSON; without any, say which there are")
	f.StringVar(&v.jq, "jq", "", "print what this jq `EXPRESSION` makes of the JSON")
	f.StringVarP(&v.output, "output", "o", "", "`FORMAT`: wide, yaml or name")
	complete(cmd, "json", func(context.Context, *app) ([]string, error) { return v.fields, nil })
	complete(cmd, "output", func(context.Context, *app) ([]string, error) { return []string{"wide", "yaml", "name"}, nil })
	return v
}

// jsonFlag is the value of --json. It knows what the answer is made of, for the page
// of all fields.
type jsonFlag struct {
	fields *string
	sample any
}

func (j *jsonFlag) String() string     { return *j.fields }
func (j *jsonFlag) Set(s string) error { *j.fields = s; return nil }
func (j *jsonFlag) Type() string       { return "string" }

// fieldsOf are the names of a type's fields in JSON, in their order.
func fieldsOf(t reflect.Type) []string {
	var out []string
	for i := range t.NumField() {
		if t.Field(i).Anonymous {
			out = append(out, fieldsOf(t.Field(i).Type)...)
			continue
		}
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			out = append(out, name)
		}
	}
	return out
}

var fieldList = regexp.MustCompile(`^[a-z][a-z0-9_]*(,[a-z][a-z0-9_]*)*$`)

// joinJSONFlag makes "--json a,b" one argument, and "--json" alone the bare form:
// flags with an optional value cannot be told apart from arguments otherwise.
func joinJSONFlag(args []string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "--":
			return append(out, args[i:]...)
		case args[i] != "--json":
			out = append(out, args[i])
		case i+1 < len(args) && fieldList.MatchString(args[i+1]):
			i++
			out = append(out, "--json="+args[i])
		default:
			out = append(out, "--json="+bare)
		}
	}
	return out
}

// check finds wrong flags before anything is asked of the server.
func (v *view) check() error {
	if !slices.Contains([]string{"", "wide", "yaml", "name"}, v.output) {
		return usagef("-o %q is not a format", v.output).WithHint("one of wide, yaml, name; JSON is --json FIELDS")
	}
	if v.output != "" && (v.json != "" || v.jq != "") {
		return usagef("-o goes with neither --json nor --jq").WithHint("leave one out")
	}
	if v.json == bare && !v.whole && v.jq == "" {
		return usagef("--json needs one or more of these fields: %s", strings.Join(v.fields, ", ")).
			WithHint("--json %s, or --jq . for all", strings.Join(v.fields[:min(2, len(v.fields))], ","))
	}
	for _, f := range v.wanted() {
		if !slices.Contains(v.fields, f) {
			return usagef("--json: there is no field %q", f).WithHint("one of %s", strings.Join(v.fields, ", "))
		}
	}
	if v.jq != "" {
		if _, err := gojq.Parse(v.jq); err != nil {
			return usagef("--jq %q: %s", v.jq, err).WithHint("for example: --jq '.[].name'")
		}
	}
	return nil
}

// data reports whether the answer is for programs.
func (v *view) data() bool { return v.json != "" || v.jq != "" || v.output == "yaml" }

// wanted are the chosen fields; nil is all.
func (v *view) wanted() []string {
	if v.json == "" || v.json == bare {
		return nil
	}
	return strings.Split(v.json, ",")
}

// write prints value for programs: a struct, or a slice of structs.
func (v *view) write(ctx context.Context, out io.Writer, value any) error {
	plain, err := v.plain(value)
	switch {
	case err != nil:
		return err
	case v.jq != "":
		return v.query(ctx, out, plain)
	case v.output == "yaml":
		text, err := yaml.Marshal(plain)
		if err != nil {
			return err
		}
		_, err = io.WriteString(out, clean(string(text)))
		return err
	}
	return encode(out, plain, "  ")
}

// writeLine prints one of a stream of values as one line.
func (v *view) writeLine(ctx context.Context, out io.Writer, value any) error {
	plain, err := v.plain(value)
	if err != nil {
		return err
	}
	if v.jq != "" {
		return v.query(ctx, out, plain)
	}
	return encode(out, plain, "")
}

func encode(out io.Writer, v any, indent string) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(out, clean(text.String())) // JSON escapes ASCII controls only
	return err
}

// plain is a value as JSON has it, with the chosen fields; those that are left
// out of JSON when empty are null.
func (v *view) plain(value any) (any, error) {
	if s := reflect.ValueOf(value); s.Kind() == reflect.Slice && s.IsNil() {
		return []any{}, nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var out any
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, err
	}
	fields := v.wanted()
	if fields == nil {
		return out, nil
	}
	pick := func(v any) any {
		all, _ := v.(map[string]any)
		some := map[string]any{}
		for _, f := range fields {
			some[f] = all[f]
		}
		return some
	}
	if many, ok := out.([]any); ok {
		for i := range many {
			many[i] = pick(many[i])
		}
		return many, nil
	}
	return pick(out), nil
}

// query prints every result of the jq expression, strings as they are.
func (v *view) query(ctx context.Context, out io.Writer, plain any) error {
	q, err := gojq.Parse(v.jq)
	if err != nil {
		return err
	}
	code, err := gojq.Compile(q)
	if err != nil {
		return usagef("--jq %q: %s", v.jq, err).WithHint("for example: --jq '.[].name'")
	}
	for it := code.RunWithContext(ctx, plain); ; {
		got, ok := it.Next()
		if !ok {
			return nil
		}
		switch got := got.(type) {
		case error:
			return usagef("--jq: %s", got)
		case string:
			if _, err := fmt.Fprintln(out, clean(got)); err != nil {
				return err
			}
		default:
			if err := encode(out, got, "  "); err != nil {
				return err
			}
		}
	}
}

// A table is rows of cells with titles.
type table struct {
	titles []string
	rows   [][]any
}

// writeTable prints a table: aligned with titles on a terminal, tab-separated
// without titles, and nothing cut, in pipes.
func (a *app) writeTable(t table) {
	if !a.tty.out {
		for _, r := range t.rows {
			cells := make([]string, len(r))
			for i, c := range r {
				cells[i] = a.cell(c)
			}
			fmt.Fprintln(a.out, strings.Join(cells, "\t"))
		}
		return
	}
	a.writeAligned(t)
}

// writeAligned prints a table for people, also in pipes.
func (a *app) writeAligned(t table) {
	lines := [][]string{}
	if t.titles != nil {
		lines = append(lines, t.titles)
	}
	for _, r := range t.rows {
		cells := make([]string, len(r))
		for i, c := range r {
			cells[i] = a.cell(c)
		}
		lines = append(lines, cells)
	}
	widths := map[int]int{}
	for _, l := range lines {
		for i, c := range l {
			widths[i] = max(widths[i], width(c))
		}
	}
	for _, l := range lines {
		var b strings.Builder
		for i, c := range l {
			b.WriteString(pad(c, widths[i]) + "  ")
		}
		fmt.Fprintln(a.out, strings.TrimRight(b.String(), " "))
	}
}

// painted is a cell of ours that may have colours.
type painted string

// cell prints one value of a table; a time is an age on a terminal.
func (a *app) cell(v any) string {
	switch v := v.(type) {
	case time.Time:
		if a.tty.out {
			return age(time.Now(), v)
		}
		if v.IsZero() {
			return ""
		}
		return v.UTC().Format(time.RFC3339)
	case bool:
		return yesNo(v)
	case painted:
		return string(v)
	}
	return oneLine(fmt.Sprint(v))
}
