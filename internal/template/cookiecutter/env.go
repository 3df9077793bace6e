package cookiecutter

import (
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/template/jinja"
)

// options are the interpreter's, as _jinja2_env_vars and _extensions set them.
func (c *config) options() (jinja.Options, error) {
	var o jinja.Options
	extensions, err := c.extensions()
	if err != nil {
		return o, err
	}
	o.Do, o.LoopControls = slices.Contains(extensions, extDo), slices.Contains(extensions, extLoops)
	v, ok := c.values.Get("_jinja2_env_vars")
	if !ok || v == nil {
		return o, nil
	}
	vars, ok := v.(*jinja.Dict)
	if !ok {
		return o, c.bad("_jinja2_env_vars", "is not an object", `write "_jinja2_env_vars": { "trim_blocks": true }`)
	}
	for _, key := range vars.Keys() {
		v, _ := vars.Get(key)
		if err := c.option(&o, key, v); err != nil {
			return o, err
		}
	}
	return o, nil
}

func (c *config) option(o *jinja.Options, key string, v any) error {
	marks := map[string]*string{
		"block_start_string": &o.BlockStart, "block_end_string": &o.BlockEnd,
		"variable_start_string": &o.VariableStart, "variable_end_string": &o.VariableEnd,
		"comment_start_string": &o.CommentStart, "comment_end_string": &o.CommentEnd,
		"line_statement_prefix": &o.LineStatementPrefix, "line_comment_prefix": &o.LineCommentPrefix,
	}
	switches := map[string]*bool{"trim_blocks": &o.TrimBlocks, "lstrip_blocks": &o.LstripBlocks}
	const section = "_jinja2_env_vars"
	if mark := marks[key]; mark != nil {
		s, ok := v.(string)
		if v == nil && strings.HasPrefix(key, "line_") {
			return nil
		}
		if !ok || s == "" || strings.ContainsAny(s, "\r\n") {
			return c.bad(section, "has a "+key+" that is not text", `write "`+key+`": "..."`)
		}
		*mark = s
		return nil
	}
	if on := switches[key]; on != nil {
		*on = truthy(v)
		return nil
	}
	switch {
	case key == "autoescape" && !truthy(v), key == "newline_sequence" && v == "\n",
		slices.Contains([]string{"optimized", "cache_size", "auto_reload"}, key):
		return nil
	}
	names := []string{"trim_blocks", "lstrip_blocks"}
	for name := range marks {
		names = append(names, name)
	}
	slices.Sort(names)
	hint := "pave knows " + strings.Join(names, ", ")
	if near := pave.DidYouMean(key, names); near != "" {
		hint = "did you mean \"" + near + "\"?"
	}
	return c.bad(section, "sets "+key+", which pave does not have", hint)
}

func truthy(v any) bool {
	switch v {
	case nil, false, "", int64(0), 0.0:
		return false
	}
	return true
}

// delimiters are the marks of an expression.
func (c *config) delimiters() (begin, end string) {
	o, _ := c.options() // checked before
	begin, end = "{{", "}}"
	if o.VariableStart != "" {
		begin = o.VariableStart
	}
	if o.VariableEnd != "" {
		end = o.VariableEnd
	}
	return begin, end
}
