// Package cookiecutter holds pave's reading of cookiecutter templates against the
// real program.
//
// testdata/corpus has small templates with what cookiecutter 2 makes of them, and is
// always checked. With PAVE_TEST_REAL=1 the installed cookiecutter renders them
// too. With PAVE_COOKIECUTTER_MIRRORS=DIR the public templates of
// testdata/public.txt, whose git mirrors lie in DIR, are rendered by both and the
// result is printed (docs/cookiecutter.md).
//
// Defaults are taken, or with PAVE_COOKIECUTTER_ANSWERS=other the last of all choices
// and the opposite of every yes and no.
//
// PAVE_COOKIECUTTER_PATH is put in front of Python's path, to compare with another
// cookiecutter than the installed one.
package cookiecutter
