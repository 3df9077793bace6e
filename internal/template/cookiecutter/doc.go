// Package cookiecutter renders cookiecutter templates as they are.
//
// A template is a folder with cookiecutter.json, which declares variables and
// their defaults, and one folder whose name has an expression in it, which holds
// the files. Load checks the first, Answers works out the variables, Render makes
// the files. All three behave as cookiecutter 2 does, byte for byte, with
// these exceptions, which are deliberate:
//
//   - Hooks are programs and are never run; Render lists them, and HookScript
//     renders one for a caller who was told to run it.
//   - Extensions other than those of cookiecutter and Jinja2 are Python code of the
//     template, or of a package, and are refused by name.
//   - Values that a person gives are data; cookiecutter renders those of its
//     command line once more.
//   - What leaves the template or the target (links, "..", absolute names), is too
//     large or takes too long is refused.
//   - A file that is neither text in UTF-8 nor binary, on which cookiecutter fails,
//     is copied with a note where it has nothing to fill in.
//
// The package is pure: a file system and answers in, files out. Clock and random
// numbers come from Options.
package cookiecutter
