package pipeline

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	packageMain = regexp.MustCompile(`(?m)^package main\b`)
	moduleLine  = regexp.MustCompile(`(?m)^module\s+(\S+)`)
	useLine     = regexp.MustCompile(`(?m)^(?:use)?\s+(\./\S+|\.)\s*$`)
	buildTags   = regexp.MustCompile(`go (?:build|install)[^\n]*\s-tags[ =]["']?([\w,]+)`)
)

// goFrameworks by import path.
var goFrameworks = []struct{ path, name string }{
	{"github.com/gin-gonic/gin", "gin"}, {"github.com/labstack/echo", "echo"}, {"github.com/gofiber/fiber", "fiber"},
	{"github.com/go-chi/chi", "chi"}, {"github.com/gorilla/mux", "gorilla"}, {"github.com/beego/beego", "beego"},
}

// detectGo finds a Go module with a main package: the root, or under cmd/.
func detectGo(r *repo) (*found, error) {
	if !r.has("go.mod") {
		return goWorkspace(r)
	}
	f := &found{language: "go", rank: rankFiles, sources: r.sources(".go")}
	f.note("language", "go.mod", 1, "a Go module")
	f.steps = []Step{
		{Name: "dependencies", Run: []string{"go", "mod", "download"}},
		{Name: "vet", Run: []string{"go", "vet", "./..."}},
		{Name: "test", Run: []string{"go", "test", "./..."}, Test: true},
	}
	if !r.has("go.sum") && !r.has("vendor") && strings.Contains(r.read("go.mod"), "require") {
		f.steps[0].Run = []string{"go", "mod", "tidy"} // in the built tree alone
		f.note("note", "go.mod", 1, "go.sum is missing: each build looks for versions anew; commit what go mod tidy writes")
	}
	for _, w := range goFrameworks {
		if fact, ok := r.find("framework", w.path, "go.mod"); ok && !strings.HasSuffix(fact.Text, "// indirect") {
			f.framework, f.facts = w.name, append(f.facts, fact)
			break
		}
	}
	main := goMain(r, f)
	names := []string{path.Base(main), "main", "app", "server"}
	if m := moduleLine.FindStringSubmatch(r.read("go.mod")); m != nil {
		names = append(names, path.Base(m[1]))
	}
	if main == "" {
		f.gap(flagCommand, "the Go module has no main package in its root or under cmd/")
		return f, nil
	}
	build := []string{"go", "build"} // as vet and test: what they compiled is not compiled again
	if tags := goTags(r, f); tags != "" {
		build = append(build, "-tags", tags)
	}
	f.rank = rankServer
	if !goListens(r, f) {
		f.gaps = append(f.gaps, Gap{What: "nothing in the Go code listens: is it a service?", Flag: flagCommand})
	}
	f.local = func(argv []string) []string {
		if len(argv) > 0 && !r.has(path.Clean(argv[0])) && (slices.Contains(names, path.Base(argv[0])) || path.Dir(argv[0]) == "bin") {
			return append([]string{"bin/app"}, argv[1:]...) // whatever it is called elsewhere
		}
		return argv
	}
	f.steps = append(f.steps, Step{Name: "build", Run: append(build, "-o", "bin/app", main)})
	f.command = []string{"bin/app"}
	return f, nil
}

// goServes is in the code of what serves, by itself or by a library.
var goServes = regexp.MustCompile(`net/http|Listen|Serve|\.Run\(|\.Start\(|grpc|fasthttp`)

func goListens(r *repo, f *found) bool {
	seen := false
	r.each(f.sources, func(_ string, _ int, line string) bool {
		seen = goServes.MatchString(line)
		return seen
	})
	return seen
}

// goWorkspace answers for a root with a go.work only: its module is in a folder.
func goWorkspace(r *repo) (*found, error) {
	text := r.read("go.work")
	if text == "" {
		return nil, nil
	}
	f := &found{language: "go", rank: rankFiles}
	f.note("language", "go.work", 1, "a Go workspace")
	if len(useLine.FindAllString(text, -1)) == 0 {
		f.gap(flagFolder, "go.work uses no module")
	}
	return f, nil
}

// goTags are the build tags that Makefile or Dockerfile build with.
func goTags(r *repo, f *found) string {
	for _, name := range []string{"Makefile", "Dockerfile"} {
		text := r.read(name)
		if m := buildTags.FindStringSubmatchIndex(text); m != nil {
			f.note("build", name, 1+strings.Count(text[:m[0]], "\n"), text[m[0]:m[1]])
			return text[m[2]:m[3]]
		}
	}
	return ""
}

// goMain is the main package of the service, "./cmd/server"; "" if there is none.
func goMain(r *repo, f *found) string {
	mains := map[string]string{}
	for _, file := range r.files {
		dir := path.Dir(file)
		if path.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") || dir != "." && dir != "cmd" && !(strings.HasPrefix(dir, "cmd/") && strings.Count(dir, "/") <= 2) {
			continue
		}
		text := r.read(file)
		if mains[dir] == "" && packageMain.MatchString(text) && !strings.Contains(text[:min(len(text), 512)], "//go:build ignore") {
			mains[dir] = file
		}
	}
	dir := goChoice(r, mains)
	if dir == "" {
		return ""
	}
	f.sources = slices.DeleteFunc(f.sources, func(file string) bool { // of other programs
		own := path.Dir(file)
		return own != dir && mains[own] != ""
	})
	text := "the main package"
	if len(mains) > 1 {
		text = "the main package taken, of " + strings.Join(keys(mains), ", ")
	}
	f.note("command", mains[dir], lineOf(r.read(mains[dir]), "package main"), text)
	if dir == "." {
		return "."
	}
	return "./" + dir
}

// goChoice takes the root, or of several under cmd the one named as servers are,
// or as the module is, then the first by name.
func goChoice(r *repo, mains map[string]string) string {
	if len(mains) == 0 {
		return ""
	}
	if _, ok := mains["."]; ok {
		return "."
	}
	wanted := []string{"server", "api", "web", "app", "service", "http"}
	if m := moduleLine.FindStringSubmatch(r.read("go.mod")); m != nil {
		name := path.Base(m[1]) // beside a daemon of its name it is what speaks to that
		wanted = slices.Insert(wanted, 1, name+"-server", name+"d", name)
	}
	for _, name := range wanted {
		if _, ok := mains["cmd/"+name]; ok {
			return "cmd/" + name
		}
	}
	return keys(mains)[0]
}

func keys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
