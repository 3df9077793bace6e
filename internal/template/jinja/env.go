package jinja

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/pave-platform/pave"
)

// A Dialect is a member of the family.
type Dialect uint8

const (
	// Jinja2 is Jinja 3.1 with StrictUndefined and without autoescape.
	Jinja2 Dialect = iota
	// Nunjucks is nunjucks 3.2 without autoescape.
	Nunjucks
)

// The bounds of one template and one rendering, where Limits gives no other.
const (
	MaxSource = 16 << 20        // bytes of a template
	MaxOutput = 32 << 20        // bytes of a rendering
	MaxDepth  = 128             // nested blocks, parentheses, calls, includes and values
	MaxTime   = 5 * time.Second // of a rendering
	MaxSteps  = 5_000_000       // nodes visited, and bytes looked at / 64
	MaxMemory = 256 << 20       // bytes of all values a rendering makes on its way
	maxNodes  = 200_000         // of one template
)

// Limits bound a rendering; a zero field means the Max constant of its name.
type Limits struct {
	Time   time.Duration
	Output int
	Depth  int
	Steps  int
	Memory int
}

// Options configure an Env. The zero value is jinja2, strict, with the trailing
// newline kept.
type Options struct {
	Dialect                                       Dialect
	TrimBlocks, LstripBlocks, DropTrailingNewline bool

	// Delimiters; "" means the dialect's own. Backstage has VariableStart "${{".
	BlockStart, BlockEnd, VariableStart, VariableEnd, CommentStart, CommentEnd string
	LineStatementPrefix, LineCommentPrefix                                     string

	// Do and LoopControls add the tags of the jinja2 extensions of these names.
	Do, LoopControls bool

	// Loader reads what include, import and extends name; nil: there is nothing.
	Loader func(name string) (string, error)
	// Functions may be called by their name, and are tags too: {% now 'utc' %}
	// prints what the function now returns.
	Functions map[string]Func
	Filters   map[string]Func // their first argument is the value
	// Foreign are further first names of expressions that belong to somebody else.
	Foreign []string

	Limits
}

// A Func is a function or filter of the Env. Arguments and result are nil, bool,
// int64, float64, string, []any and *Dict; an int or map[string]any is accepted as
// result. Its error becomes the cause of the rendering's.
type Func func(ctx context.Context, args []any, kwargs map[string]any) (any, error)

// An Env parses templates. It never changes and may be used by many at a time.
type Env struct {
	opt     Options
	d       delims
	js      bool
	foreign []string
	filters map[string]*filter
	tests   map[string]*filter
	globals map[string]any
	methods *methods
}

// New checks the options and returns their Env.
func New(opt Options) (*Env, error) {
	e := &Env{opt: opt, js: opt.Dialect == Nunjucks}
	if opt.Dialect > Nunjucks {
		return nil, pave.Errorf(pave.Invalid, "unknown template dialect %d", opt.Dialect)
	}
	if err := e.setDelims(); err != nil {
		return nil, err
	}
	e.opt.Limits = opt.withDefaults()
	e.foreign = append(foreignRoots(), opt.Foreign...)
	if e.js {
		e.filters, e.tests, e.globals, e.methods = jsFilters(), jsTests(), jsGlobals(), jsMethods()
	} else {
		e.filters, e.tests, e.globals, e.methods = pyFilters(), pyTests(), pyGlobals(), pyMethods()
	}
	for name, f := range opt.Filters {
		e.filters[name] = foreignFilter(name, f)
	}
	for name, f := range opt.Functions {
		e.globals[name] = foreignFunction(name, f)
	}
	return e, nil
}

func (l Limits) withDefaults() Limits {
	set := func(p *int, value int) {
		if *p <= 0 {
			*p = value
		}
	}
	if l.Time <= 0 {
		l.Time = MaxTime
	}
	set(&l.Output, MaxOutput)
	set(&l.Depth, MaxDepth)
	set(&l.Steps, MaxSteps)
	set(&l.Memory, MaxMemory)
	l.Depth = min(l.Depth, 1000) // more would not fit Go's stack in the worst case
	return l
}

// Parse reads src with the default options; see Env.Parse.
func Parse(name, src string) (*Template, error) {
	e, err := plainEnv()
	if err != nil {
		return nil, err
	}
	return e.Parse(name, src)
}

var plainEnv = sync.OnceValues(func() (*Env, error) { return New(Options{}) })

// Parse reads src, whose name is used in errors. The error is Invalid and gives
// file, line, column and the expression; it also covers unknown tags, filters and
// tests.
func (e *Env) Parse(name, src string) (*Template, error) {
	t := &Template{env: e, name: name, src: src, blocks: map[string]*blockNode{}}
	if len(src) > MaxSource {
		return nil, pave.Errorf(pave.Invalid, "template %s has %d bytes, more than the %d a template may have", name, len(src), MaxSource).
			WithHint("copy the file without rendering it: the suffix .raw, or _copy_without_render of cookiecutter")
	}
	if !utf8.ValidString(src) {
		return nil, pave.Errorf(pave.Invalid, "template %s is not UTF-8 text", name).
			WithHint("copy the file without rendering it: the suffix .raw, or _copy_without_render of cookiecutter")
	}
	if e.opt.DropTrailingNewline {
		t.src = dropNewline(src)
	}
	tokens, err := t.lex()
	if err != nil {
		return nil, err
	}
	p := &parser{t: t, env: e, js: e.js, tokens: tokens}
	if t.root, err = p.parseAll(); err != nil {
		return nil, err
	}
	return t, nil
}

func dropNewline(s string) string {
	if n := len(s); n > 0 && s[n-1] == '\n' {
		s = s[:n-1]
		if n := len(s); n > 0 && s[n-1] == '\r' {
			s = s[:n-1]
		}
	}
	return s
}

// delims are the marks around tags.
type delims struct {
	blockStart, blockEnd, varStart, varEnd, commentStart, commentEnd string
	lineStatement, lineComment                                       string
}

func (e *Env) setDelims() error {
	pick := func(s, own string) string {
		if s == "" {
			return own
		}
		return s
	}
	o := e.opt
	e.d = delims{
		pick(o.BlockStart, "{%"), pick(o.BlockEnd, "%}"), pick(o.VariableStart, "{{"), pick(o.VariableEnd, "}}"),
		pick(o.CommentStart, "{#"), pick(o.CommentEnd, "#}"), o.LineStatementPrefix, o.LineCommentPrefix,
	}
	starts := []string{e.d.blockStart, e.d.varStart, e.d.commentStart}
	slices.Sort(starts)
	if len(slices.Compact(starts)) < 3 {
		return pave.Errorf(pave.Invalid, "block, variable and comment of a template begin with the same text").
			WithHint("give each its own delimiter")
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
