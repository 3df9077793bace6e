package cli

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

// An errorSite is a place of the code that makes an error.
type errorSite struct {
	at, message, hint string
	code              pave.Code
}

var codes = map[string]pave.Code{"Invalid": pave.Invalid, "Denied": pave.Denied, "NotFound": pave.NotFound,
	"Conflict": pave.Conflict, "Policy": pave.Policy, "Unavailable": pave.Unavailable, "Internal": pave.Internal}

// Every error that the code can make is rendered as a user sees it: one line that
// says what failed, and a next step.
func TestEveryErrorHasANextStep(t *testing.T) {
	t.Parallel()
	sites := errorSites(t)
	if len(sites) < 500 {
		t.Fatalf("found only %d places that make errors: the search is broken", len(sites))
	}
	verbs := regexp.MustCompile(`%[-+#0-9.]*[a-zA-Z]`)
	for _, s := range sites {
		var out bytes.Buffer
		a := &app{err: &out, command: "create service"}
		e := pave.Errorf(s.code, "%s", verbs.ReplaceAllString(s.message, "it"))
		if s.hint != "" {
			e = e.WithHint("%s", verbs.ReplaceAllString(s.hint, "it"))
		}
		a.report(e)
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		switch {
		case len(lines) < 2 || !strings.HasPrefix(lines[1], "  next: ") || strings.TrimSpace(lines[1]) == "next:":
			t.Errorf("%s: no next step:\n%s", s.at, out.String())
		case strings.HasSuffix(lines[0], ".") || strings.HasSuffix(lines[0], ":"):
			t.Errorf("%s: the message ends in %q", s.at, lines[0][len(lines[0])-1:])
		case strings.Contains(out.String(), "%!"):
			t.Errorf("%s: %s", s.at, out.String())
		}
	}
}

var commandInHint = regexp.MustCompile(`\bpave ((?:[a-z]+(?:-[a-z]+)*)(?: [a-z]+(?:-[a-z]+)*)*)((?: +--[a-z][a-z-]*)*)`)

// A hint that names a command names one that there is, with flags that it has.
func TestHintsNameCommandsThatExist(t *testing.T) {
	t.Parallel()
	root := (&app{deps: Deps{}}).root()
	root.InitDefaultHelpCmd()
	checked := 0
	for _, s := range errorSites(t) {
		for _, m := range commandInHint.FindAllStringSubmatch(s.hint, -1) {
			words := strings.Fields(m[1])
			if i := slices.IndexFunc(words, func(w string) bool { return slices.Contains(prose, w) }); i >= 0 {
				words = words[:i] // the rest is a sentence
			}
			if len(words) == 0 {
				continue
			}
			found, rest, err := root.Find(words)
			if err != nil || found == root {
				t.Errorf("%s: the hint %q names no command", s.at, s.hint)
				continue
			}
			if found.HasSubCommands() && len(rest) > 0 && !named(found, rest[0]) {
				t.Errorf("%s: the hint %q: %s has no %s", s.at, s.hint, found.CommandPath(), rest[0])
			}
			found.InitDefaultHelpFlag()
			for _, flag := range strings.Fields(m[2]) {
				if !has(found, strings.TrimPrefix(flag, "--")) {
					t.Errorf("%s: the hint %q: %s has no %s", s.at, s.hint, found.CommandPath(), flag)
				}
			}
			checked++
		}
	}
	if checked < 100 {
		t.Errorf("only %d commands in hints: the search is broken", checked)
	}
}

// prose are words that stand after a command in a sentence.
var prose = []string{"again", "as", "brings", "lists", "makes", "shows", "starts", "says", "that"}

// has reports whether a command or one below it has a flag.
func has(cmd *cobra.Command, flag string) bool {
	return cmd.Flag(flag) != nil || slices.ContainsFunc(cmd.Commands(), func(c *cobra.Command) bool { return has(c, flag) })
}

func named(cmd *cobra.Command, word string) bool {
	for _, c := range cmd.Commands() {
		if c.Name() == word || c.HasAlias(word) {
			return true
		}
	}
	return false
}

// errorSites reads the code of the module.
func errorSites(t *testing.T) []errorSite {
	t.Helper()
	var out []errorSite
	files := token.NewFileSet()
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/test/") {
			return err
		}
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name, on := callee(call)
			site := errorSite{at: files.Position(call.Pos()).String()}
			switch {
			case name == "WithHint":
				inner, ok := on.(*ast.CallExpr)
				if !ok || !site.read(inner) {
					return true
				}
				site.hint = text(call.Args[0])
				out = append(out, site)
				return false
			case site.read(call):
				out = append(out, site)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// read takes a call that makes an error.
func (s *errorSite) read(call *ast.CallExpr) bool {
	switch name, _ := callee(call); name {
	case "Errorf":
		if len(call.Args) < 2 {
			return false
		}
		code := ""
		switch arg := call.Args[0].(type) {
		case *ast.SelectorExpr:
			code = arg.Sel.Name
		case *ast.Ident:
			code = arg.Name
		}
		s.code, s.message = codes[code], text(call.Args[1])
		return s.code != "" && s.message != ""
	case "usagef":
		s.code, s.message = pave.Invalid, text(call.Args[0])
		return true
	case "BadField":
		if len(call.Args) != 4 {
			return false
		}
		s.code, s.message, s.hint = pave.Invalid, fmt.Sprintf("%s %s", text(call.Args[0]), text(call.Args[2])), text(call.Args[3])
		return true
	}
	return false
}

func callee(call *ast.CallExpr) (name string, on ast.Expr) {
	switch f := call.Fun.(type) {
	case *ast.SelectorExpr:
		return f.Sel.Name, f.X
	case *ast.Ident:
		return f.Name, nil
	}
	return "", nil
}

// text is a string of the code; what is not a literal is a word in its place.
func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		if err == nil {
			return s
		}
	case *ast.BinaryExpr:
		return text(e.X) + text(e.Y)
	}
	return "IT"
}
