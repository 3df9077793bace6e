// Package jinja renders templates of the Jinja family in two dialects: jinja2, as
// cookiecutter configures it, and nunjucks, as Backstage's scaffolder uses it.
//
// Both are strict: an unknown variable is an error with file, line, column,
// expression and "did you mean", never empty text. An expression that belongs to
// somebody else (GitHub Actions, Argo, Helm) stays verbatim when its first name is
// not a variable. docs/templates-language.md lists the differences from the
// originals, each with its reason.
//
// Templates are written by people who are trusted with nothing but the text they
// make: a template reaches the values it was given, the functions and filters of
// its Env and the Loader, and nothing else. Time, depth, work, memory and output of
// a rendering are bounded. The package knows no file system and no golden path.
//
// From source to text: lex.go cuts tokens (foreign.go tells whose they are), parse*.go
// make nodes (ast.go), render*.go walk them, eval.go works expressions out. What
// differs between the dialects is in files that begin with py and js.
package jinja
