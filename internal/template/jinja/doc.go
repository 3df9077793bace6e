// Package jinja renders the part of the Jinja template language that golden
// paths need, strictly: what is unknown is an error, never empty text.
//
// Supported are text, {{ expressions }}, {% if/elif/else/endif %}, {% for x in
// list %} with loop and else, {% raw %}, comments and the whitespace control
// signs "-" and "+". Expressions have names, dotted and ['x'] access, literals
// and lists of them, the filters in filter.go, "~", comparisons, "in", "is
// defined", and/or/not and the inline if. Whitespace, text forms of values and
// filters follow Jinja2 with its default settings and keep_trailing_newline,
// which is what cookiecutter uses.
//
// Two rules differ on purpose. A name that is not a variable is an error, also
// inside a condition; the default filter and "is defined" are the ways to ask.
// And "${{ github.sha }}" stays as it is, because GitHub Actions wrote it: an
// expression after a dollar sign whose first name is one of GitHub's contexts,
// and not a variable, is text.
//
// Templates are written by people who are trusted with nothing but the text they
// make: there is no way to call a function, load a file or reach a Go value other
// than the map, list, string, bool and numbers that were passed in, and size,
// depth, work and time of a rendering are bounded. The package knows no file
// system and no golden path.
package jinja
