package jinja

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
)

// attacks are known ways out of a template: into the classes of Python, the
// constructors of JavaScript, the files and processes behind them.
func attacks() []string {
	return []string{
		"{{ ''.__class__ }}",
		"{{ ''.__class__.__mro__[1].__subclasses__() }}",
		"{{ ''['__class__'] }}",
		"{{ ''|attr('__class__') }}",
		"{{ ''|attr('\\x5f\\x5fclass\\x5f\\x5f') }}",
		"{{ ''['__cla' ~ 'ss__'] }}",
		"{{ [].__class__.__base__.__subclasses__() }}",
		"{{ {}.__class__.__bases__[0] }}",
		"{{ ().__class__.__bases__[0].__subclasses__()[59].__init__.__globals__ }}",
		"{{ self.__init__.__globals__ }}",
		"{{ self._TemplateReference__context }}",
		"{{ range.__globals__ }}",
		"{{ cycler.__init__.__globals__.os.popen('id').read() }}",
		"{{ joiner.__init__.__globals__ }}",
		"{{ namespace.__init__.__globals__ }}",
		"{{ lipsum.__globals__['os'].popen('id').read() }}",
		"{{ config.items() }}",
		"{{ request.application.__globals__ }}",
		"{{ get_flashed_messages.__globals__ }}",
		"{{ url_for.__globals__ }}",
		"{{ name.__init__ }}",
		"{{ name.upper.__self__ }}",
		"{{ name.upper.__func__ }}",
		"{{ name.format.__class__ }}",
		"{{ '{0.__class__}'.format(name) }}",
		"{{ '{0.__class__.__mro__}'.format(name) }}",
		"{{ '{x.__init__.__globals__}'.format(x=name) }}",
		"{{ '{0[__class__]}'.format(name) }}",
		"{{ ['__class__'] | map('attr', '__mro__') | list }}",
		"{{ [name] | map(attribute='__class__') | list }}",
		"{{ [name] | selectattr('__class__') | list }}",
		"{{ [name] | groupby('__class__') }}",
		"{{ [name] | sort(attribute='__class__') }}",
		"{{ [name] | join(',', attribute='__class__') }}",
		"{{ loop.__class__ }}",
		"{% for x in [1] %}{{ loop._iterable.__class__ }}{% endfor %}",
		"{% macro m() %}{% endmacro %}{{ m.__globals__ }}",
		"{% macro m() %}{% endmacro %}{{ m._func }}",
		"{% set x = ''.__class__ %}",
		"{% include '/etc/passwd' %}",
		"{% include '../../etc/passwd' %}",
		"{% import '/etc/passwd' as x %}",
		"{% extends '/proc/self/environ' %}",
		"{{ constructor.constructor('return process')() }}",
		"{{ name.constructor }}",
		"{{ name['constructor'] }}",
		"{{ range.constructor('return global.process.env')() }}",
		"{{ ''.constructor.constructor('return 1')() }}",
		"{{ {}.__proto__ }}",
		"{{ {}['__proto__'] }}",
		"{{ map.constructor.constructor('return process.mainModule.require(\"child_process\")')() }}",
		"{{ cycler.prototype }}",
		"{{ joiner().constructor }}",
		"{{ [].constructor.prototype }}",
		"{{ name.toString.constructor('return 1')() }}",
		"{{ process.env.HOME }}",
		"{{ require('fs') }}",
		"{{ globalThis.process }}",
		"{{ ''.toString.call }}",
		"{{ [1].map(range) }}",
		"{{ dict.fromkeys }}",
		"{{ open('/etc/passwd').read() }}",
		"{{ __import__('os').system('id') }}",
		"{{ __builtins__ }}",
	}
}

// Every attack ends in an error, and none in a text.
func TestAttacks(t *testing.T) {
	t.Parallel()
	if n := len(attacks()); n < 30 {
		t.Fatalf("%d attacks, want at least 30", n)
	}
	for name, dialect := range dialects {
		e, err := New(Options{Dialect: dialect})
		if err != nil {
			t.Fatal(err)
		}
		for _, src := range attacks() {
			tmpl, err := e.Parse("t", src)
			var out string
			if err == nil {
				out, err = tmpl.Render(t.Context(), map[string]any{"name": "x", "map": map[string]any{"a": int64(1)}})
			}
			if pave.CodeOf(err) != pave.Invalid || out != "" {
				t.Errorf("%s: %s: got %q, %v, want an invalid error", name, src, out, err)
			}
		}
	}
}

// bombs are small templates that ask for much.
func bombs() map[string]struct{ jinja2, nunjucks, want string } {
	type bomb = struct{ jinja2, nunjucks, want string }
	deep := func(open, shut string, n int) string {
		return "{{ " + strings.Repeat(open, n) + "1" + strings.Repeat(shut, n) + " }}"
	}
	same := func(s, want string) bomb { return bomb{s, s, want} }
	return map[string]bomb{
		"parentheses":   same(deep("(", ")", 5000), "nested deeper"),
		"lists":         same(deep("[", "]", 5000), "nested deeper"),
		"not":           same(deep("not ", "", 5000), "nested deeper"),
		"minus":         same(deep("- ", "", 5000), "nested deeper"),
		"inline else":   {deep("1 if 1 else ", "", 5000), deep("(1 if 1 else ", ")", 5000), "nested deeper"},
		"indexes":       same(deep("[1][", "]", 5000), "nested deeper"),
		"calls":         same(deep("range(", ")", 5000), "nested deeper"),
		"blocks":        same(strings.Repeat("{% if 1 %}", 5000), "nested deeper"),
		"attributes":    same("{{ name"+strings.Repeat(".x", 5000)+" }}", "chain longer"),
		"filters":       same("{{ name"+strings.Repeat("|lower", 5000)+" }}", "chain longer"),
		"sum":           same("{{ 1"+strings.Repeat(" + 1", 50_000)+" }}", "operators in a row"),
		"elif":          same("{% if 0 %}"+strings.Repeat("{% elif 0 %}", 100_000), ""),
		"tags":          same(strings.Repeat("{{n}}", 600_000), "too many"),
		"endless macro": {"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "nested deeper"},
		"two macros":    {"{% macro a(x) %}{{ x(b) }}{% endmacro %}{% macro b(x) %}{{ x(a) }}{% endmacro %}{{ a(b) }}", "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}", ""},
		"recursive for": {"{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "", "nested deeper"},
		"self include":  same("{% include 'self' %}", "nested deeper"),
		"self extends":  same("{% extends 'extends' %}", "extends more than"),
		"self block":    {"{% block a %}{{ self.a() }}{% endblock %}", "", "nested deeper"},
		"repeat":        {"{{ 'a' * 10**9 }}", "{{ 'a'.repeat(1000000000) }}", "too large"},
		"list repeat":   {"{{ [1] * 10**12 }}", "", "too large"},
		"range":         same("{{ range(1000000000000) | join }}", "at most"),
		"ranges":        same("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}", ""),
		"doubling":      {"{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}", "{% set s = 'aaaaaaaa' %}{% for i in range(60) %}{% set s = s ~ s %}{% endfor %}", "too large"},
		"list doubling": {"{% set l = [1] %}{% for i in range(60) %}{% set _ = l.extend(l) %}{% endfor %}", "{% set l = [1] %}{% for i in range(60) %}{% set l = l.concat(l) %}{% endfor %}", ""},
		"list in list":  {"{% set ns = namespace(l=[1]) %}{% for i in range(200) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}", "{% set l = [1] %}{% for i in range(200) %}{% set l = [l, l] %}{% endfor %}{{ l }}", ""},
		"list of list":  {"{% set l = [] %}{% set _ = l.append(l) %}{{ l }}{{ l == l }}{{ l | tojson }}", "{% set l = [] %}{% set _ = l.push(l) %}{{ l | dump }}", "nested deeper"},
		"dict of dict":  {"{% set d = {} %}{% set _ = d.update(a=d) %}{{ d }}", "", "nested deeper"},
		"equal":         {"{% set l = [] %}{% set m = [] %}{% set _ = l.append(m) %}{% set _ = m.append(l) %}{{ l == m }}", "", "nested deeper"},
		"format width":  {"{{ '%1000000000d' % 1 }}", "{{ 'a'.padStart(1000000000) }}", "too large"},
		"format width2": {"{{ '{:1000000000}'.format(1) }}", "", "too large"},
		"format width3": {"{{ '%99999999999999999999d' % 1 }}", "", "too large"},
		"format star":   {"{{ '%*d' % (10**9, 1) }}", "", "too large"},
		"format digits": {"{{ '%.1000000000f' % 1 }}", "{{ (1).toFixed(1000000) }}", ""},
		"format nested": {"{{ '{:{}}'.format('a', 10**9) }}", "", "too large"},
		"center":        same("{{ 'a' | center(1000000000) }}", "too large"),
		"indent":        {"{{ '" + strings.Repeat(`\n`, 1<<16) + "' | indent(100000, blank=true) }}", "{{ '" + strings.Repeat(`\n`, 1<<16) + "' | indent(100000) }}", "too large"},
		"tojson indent": {"{{ [[[[1]]]] | tojson(1000000000) }}", "", ""},
		"replace":       same("{{ big | replace('x', big) }}", "too large"),
		"replace all":   same("{{ big | replace('', big) }}", "too large"),
		"join":          same("{{ list | join(big) }}", "too large"),
		"batch":         same("{{ [1] | batch(1000000000, 1) | list }}", "too large"),
		"slice":         same("{{ [1] | slice(1000000000, 1) | list }}", "too large"),
		"wordwrap":      {"{{ big | wordwrap(1, wrapstring=big) }}", "", "too large"},
		"ljust":         {"{{ 'a'.ljust(10**9) }}", "{{ 'a'.padEnd(1000000000, 'bc') }}", "too large"},
		"zfill":         {"{{ 'a'.zfill(10**9) }}", "", "too large"},
		"power":         {"{{ 10 ** 10 ** 10 }}", "", "64 bits"},
		"shift":         {"{{ 2 ** 1000000000000 }}", "", "64 bits"},
		"output":        same("{% for x in list %}{% for y in list %}"+strings.Repeat("y", 100)+"{% endfor %}{% endfor %}", "the rendering is larger"),
		"thrown away":   same("{% for x in list %}{% if (big ~ big)|length == 0 %}{% endif %}{% endfor %}", ""),
		"looked at":     same("{% for x in list %}{% for y in list %}{% if 'y' in big %}{% endif %}{% endfor %}{% endfor %}", ""),
		"sort":          {"{% for x in list %}{% for y in list %}{% set z = list | sort %}{% endfor %}{% endfor %}", "{% for x in list %}{% for y in list %}{% set z = list | sort %}{% endfor %}{% endfor %}", ""},
		"unclosed":      same(strings.Repeat("{{ '", 100_000), ""),
		"open tags":     same(strings.Repeat("{{ it's ", 100_000), ""),
		"comments":      same(strings.Repeat("{#", 100_000), "never closed"),
		"raws":          same("{% raw %}"+strings.Repeat("{% ", 100_000), "never closed"),
		"includes":      same("{% for a in range(1000000) %}{% include 'big' %}{% endfor %}", ""),
	}
}

// bombTime is ample, for a slow machine under the race detector: it is the other
// bounds that are tried here.
const bombTime = 20 * time.Second

// A bomb ends soon, in an invalid error, and without taking the memory of the machine.
func TestBombs(t *testing.T) {
	big := strings.Repeat("x", 1<<17)
	vars := map[string]any{"name": "n", "n": int64(1), "big": big, "list": make([]any, 3000)}
	for i := range vars["list"].([]any) {
		vars["list"].([]any)[i] = int64(i)
	}
	for name, b := range bombs() {
		for dialect, src := range map[Dialect]string{Jinja2: b.jinja2, Nunjucks: b.nunjucks} {
			if src == "" {
				continue
			}
			e, err := New(Options{Dialect: dialect, Limits: Limits{Time: bombTime, Memory: 24 << 20, Output: 4 << 20, Steps: 400_000}, Loader: func(name string) (string, error) {
				return map[string]string{"self": "{% include 'self' %}", "extends": "{% extends 'extends' %}", "big": big}[name], nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			tmpl, err := e.Parse("t", src)
			if err == nil {
				_, err = tmpl.Render(t.Context(), vars)
			}
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			if pave.CodeOf(err) != pave.Invalid || !strings.Contains(err.Error(), b.want) {
				t.Errorf("%s (%d): got %.300v, want an invalid error with %q", name, dialect, err, b.want)
			}
			if took > bombTime+10*time.Second {
				t.Errorf("%s (%d): took %s", name, dialect, took)
			}
			if mib := (after.TotalAlloc - before.TotalAlloc) >> 20; mib > 2048 {
				t.Errorf("%s (%d): allocated %d MiB", name, dialect, mib)
			}
		}
	}
}

func TestSource(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		strings.Repeat("x", MaxSource+1): "more than the",
		"\xff\xfe":                       "not UTF-8",
	} {
		if _, err := Parse("t", src); pave.CodeOf(err) != pave.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an invalid error with %q", err, want)
		}
	}
}

// No Go value but data reaches a template.
func TestForeignValues(t *testing.T) {
	t.Parallel()
	tmpl, err := Parse("t", "x")
	if err != nil {
		t.Fatal(err)
	}
	d := NewDict()
	d.Set("f", os.Stdin)
	inner := map[string]any{}
	inner["self"] = inner
	for name, c := range map[string]struct {
		v    any
		want string
	}{
		"file": {os.Stdin, "variable v has a type that templates do not have: *os.File"},
		"func": {map[string]any{"list": []any{func() {}}}, "variable v.list[0] has a type that templates do not have: func()"},
		"dict": {d, "variable v: variable f has a type"},
		"self": {inner, "nested deeper than"},
		"nil":  {(*Dict)(nil), "nil *Dict"},
	} {
		_, err := tmpl.Render(t.Context(), map[string]any{"v": c.v})
		if pave.CodeOf(err) != pave.Invalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// Chains within parentheses within calls: deep, but not deeper than the stack.
func TestDeepExpressions(t *testing.T) {
	t.Parallel()
	src := "m(x)"
	for range 100 {
		src = "(" + src + ")" + strings.Repeat("+1", 900)
	}
	src = "{% macro m(x) %}{{ " + src + " }}{% endmacro %}{{ m(1) }}"
	for name, dialect := range dialects {
		e, _ := New(Options{Dialect: dialect})
		tmpl, err := e.Parse("t", src)
		if err == nil {
			_, err = tmpl.Render(t.Context(), nil)
		}
		if pave.CodeOf(err) != pave.Invalid || !strings.Contains(err.Error(), "deeper than") {
			t.Errorf("%s: got %.200v, want an invalid error", name, err)
		}
	}
}

// An error stays short, however long the name in it.
func TestLongNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 1<<20)
	for _, src := range []string{"{{ " + long + " }}", "{{ map." + long + " }}", "{{ map['" + long + "'] }}", "{{ 1" + strings.Repeat("1", 1<<20) + " }}", "{% " + long + " %}", "{{ 1|" + long + " }}", "{{ 1 is " + long + " }}", "{{ 1 " + long + " }}"} {
		for _, dialect := range dialects {
			e, _ := New(Options{Dialect: dialect})
			tmpl, err := e.Parse("t", src)
			if err == nil {
				_, err = tmpl.Render(t.Context(), map[string]any{"map": map[string]any{"a": 1}})
			}
			if pave.CodeOf(err) != pave.Invalid || len(err.Error())+len(pave.HintOf(err)) > 2000 {
				t.Errorf("%.30s: error has %d bytes: %.200v", src, len(err.Error())+len(pave.HintOf(err)), err)
			}
		}
	}
}
