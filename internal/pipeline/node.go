package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
)

// packageJSON is what counts of a package.json.
type packageJSON struct {
	Name           string            `json:"name"`
	Main           string            `json:"main"`
	Type           string            `json:"type"`
	PackageManager string            `json:"packageManager"`
	Scripts        map[string]string `json:"scripts"`
	Dependencies   map[string]string `json:"dependencies"`
	Dev            map[string]string `json:"devDependencies"`
	Engines        json.RawMessage   `json:"engines"`
	Workspaces     json.RawMessage   `json:"workspaces"`
}

const packageFile = "package.json"

func readPackage(r *repo) (packageJSON, error) {
	var p packageJSON
	text := r.read(packageFile)
	if text == "" {
		return p, pave.Errorf(pave.Invalid, "%s is empty, larger than %d KB, or not text", packageFile, maxRead>>10)
	}
	err := json.Unmarshal([]byte(text), &p)
	if wrong := (&json.UnmarshalTypeError{}); errors.As(err, &wrong) {
		line := 1 + strings.Count(text[:min(int(wrong.Offset), len(text))], "\n")
		return p, pave.Errorf(pave.Invalid, "%s:%d: %q must not be of type %s", packageFile, line, wrong.Field, wrong.Value).
			WithHint("npm pkg fix mends the usual mistakes")
	}
	if wrong := (&json.SyntaxError{}); errors.As(err, &wrong) {
		line := 1 + strings.Count(text[:min(int(wrong.Offset), len(text))], "\n")
		return p, pave.Errorf(pave.Invalid, "%s:%d: %s", packageFile, line, wrong).WithHint("mend the JSON: npm pkg get name reads it")
	}
	if err != nil {
		return p, pave.Errorf(pave.Invalid, "%s: %s", packageFile, shown(err.Error()))
	}
	return p, nil
}

func (p packageJSON) uses(name string) bool {
	_, ok := p.Dependencies[name]
	return ok
}

func (p packageJSON) develops(name string) bool {
	_, ok := p.Dev[name]
	return ok
}

// nodeFrameworks by package, the more telling ones first.
var nodeFrameworks = []struct{ pkg, name string }{
	{"@nestjs/core", "nest"}, {"next", "next"}, {"nuxt", "nuxt"}, {"fastify", "fastify"}, {"koa", "koa"}, {"@hapi/hapi", "hapi"},
	{"express", "express"}, {"hono", "hono"}, {"restify", "restify"}, {"polka", "polka"}, {"@adonisjs/core", "adonis"}, {"sails", "sails"},
	{"@remix-run/serve", "remix"}, {"@sveltejs/adapter-node", "sveltekit"}, {"socket.io", "socket.io"}, {"ws", "ws"},
}

// nodeApp is a package.json on its way to a candidate.
type nodeApp struct {
	*found
	r   *repo
	pkg packageJSON
	pm  manager
}

// detectNode finds a program, or a site, that npm builds.
func detectNode(r *repo) (*found, error) {
	if !r.has(packageFile) {
		return nil, nil
	}
	pkg, err := readPackage(r)
	if err != nil {
		return nil, err
	}
	n := nodeApp{r: r, pkg: pkg, found: &found{language: "node", rank: rankFiles, set: map[string]string{"NODE_ENV": unlessSet("NODE_ENV", "production")},
		setup: nodeSetup, sources: r.sources(".js", ".mjs", ".cjs", ".ts", ".mts", ".cts")}}
	n.local = n.argvOf
	n.note("language", packageFile, 1, "a Node package")
	if n.workspace() {
		return n.found, nil
	}
	n.pm = n.manager()
	var engines struct{ Node string }
	if json.Unmarshal(pkg.Engines, &engines) == nil && engines.Node != "" {
		n.note("engines", packageFile, lineOf(r.read(packageFile), `"engines"`), "node "+engines.Node)
	}
	n.framework = n.findFramework()
	if !n.noPages() {
		n.start()
	}
	if len(n.command) == 0 && len(n.gaps) == 0 {
		n.site()
	}
	if len(n.command) == 0 && len(n.gaps) == 0 {
		n.gap(flagCommand, "package.json has no start script, and nothing in it listens: no script start or start:prod, no main that is a server")
	}
	n.addSteps()
	return n.found, nil
}

func nodeSetup(string) string { return `PATH="$PWD/node_modules/.bin:$PATH"; ` }

// workspace reports whether the folder is the root of several packages.
func (n nodeApp) workspace() bool {
	at, text := packageFile, string(n.pkg.Workspaces)
	if p := n.r.read("pnpm-workspace.yaml"); strings.Contains(p, "packages:") {
		at, text = "pnpm-workspace.yaml", "packages:"
	}
	if text == "" || text == "null" || text == "[]" || text == "{}" {
		return false
	}
	key := "workspaces"
	if at != packageFile {
		key = text
	}
	n.note("workspace", at, lineOf(n.r.read(at), key), "several packages in one repository")
	n.gap(flagCommand+" and --build", at+" makes the root a workspace of several packages, so nothing says which one is the service")
	return true
}

func (n nodeApp) findFramework() string {
	for _, w := range nodeFrameworks {
		if n.pkg.uses(w.pkg) {
			text := n.r.read(packageFile)
			line := lineOf(text, fmt.Sprintf("%q", w.pkg))
			n.note("framework", packageFile, line, fmt.Sprintf("%q: %q", w.pkg, n.pkg.Dependencies[w.pkg]))
			return w.name
		}
	}
	return ""
}

// startScripts in the order in which one is taken; nest's start is for developers.
func (n nodeApp) startScripts() []string {
	names := []string{"start", "start:prod", "start:production", "prod", "production", "serve:prod"}
	if n.framework == "nest" || n.pkg.Scripts["start:prod"] != "" && developer(n.pkg.Scripts["start"]) {
		names[0], names[1] = names[1], names[0]
	}
	return names
}

// developer reports whether a script starts what watches or compiles as it runs.
var developerTool = regexp.MustCompile(`\b(nodemon|ts-node-dev|tsnd|pm2-dev|concurrently|npm-run-all|run-p)\b|--watch\b|\bwatch\b|\bnext dev\b|\bnuxt dev\b|\bnx (?:run )?serve\b|\bbrowser-sync\b`)

func developer(script string) bool { return developerTool.MatchString(script) }

// start finds what starts the server.
func (n nodeApp) start() {
	for _, name := range n.startScripts() {
		script := strings.TrimSpace(n.pkg.Scripts[name])
		if script == "" || siteTool(script) != "" || n.framework == "" && n.browserSync() {
			continue
		}
		if developer(script) {
			if script = withoutWatch(script); developer(script) {
				continue
			}
		}
		n.take(script, packageFile, n.lineOfScript(name), name+": "+script)
		if n.pkg.Scripts["pre"+name] != "" {
			n.steps = append(n.steps, Step{Name: "prestart", Run: n.pm.run("pre" + name)})
		}
		return
	}
	if n.framework == "nuxt" && n.pkg.Scripts["build"] != "" {
		n.take("node .output/server/index.mjs", packageFile, n.lineOfScript("build"), "nuxt's server, as built")
		return
	}
	if main := n.mainFile(); main != "" {
		n.take("node "+main, main, 1, "the program of the package")
	}
}

// browserSync reports whether what starts only shows files to a developer.
func (n nodeApp) browserSync() bool {
	return (n.pkg.develops("browser-sync") || n.pkg.develops("live-server") || n.pkg.develops("lite-server")) && !n.listens()
}

var watchers = regexp.MustCompile(`^(npx )?nodemon\s+(?:-[-\w]+(?:[= ]\S+)?\s+)*([\w./-]+\.[cm]?js)$|^node\s+--watch\s+([\w./-]+)$`)

// withoutWatch is a script that restarts a program at changes, without that.
func withoutWatch(script string) string {
	if m := watchers.FindStringSubmatch(script); m != nil {
		return "node " + m[2] + m[3]
	}
	return script
}

// noPages is a gap where a package would start Next.js and has nothing that it shows:
// its programs lie in folders below.
func (n nodeApp) noPages() bool {
	if n.framework != "next" || len(n.r.innerPrograms()) == 0 || slices.ContainsFunc(n.r.files, func(f string) bool {
		f = strings.TrimPrefix(f, "src/")
		return strings.HasPrefix(f, "app/") || strings.HasPrefix(f, "pages/")
	}) {
		return false
	}
	n.gap(flagFolder, "package.json starts Next.js, and beside it there is neither an app nor a pages folder")
	return true
}

func (n nodeApp) lineOfScript(name string) int {
	text := n.r.read(packageFile)
	i := max(strings.Index(text, `"scripts"`), 0)
	return strings.Count(text[:i], "\n") + lineOf(text[i:], fmt.Sprintf("%q", name))
}

// take makes a script the command.
func (n nodeApp) take(script, file string, line int, text string) {
	script = n.buildParts(script)
	l := parseLine(script)
	for k, v := range l.set {
		n.set[k] = v
	}
	n.command = n.argv(l)
	n.rank = rankCommand
	if n.framework != "" || n.listens() {
		n.rank = rankServer
	}
	n.note("command", file, line, text)
}

// buildPart is a part of a start script that makes files: a release cannot be
// written when it runs, so that is done while it is built.
var buildPart = regexp.MustCompile(`^(?:(?:npm|yarn|pnpm)(?: run)? (?:build|compile|scss|sass|css|clean|prebuild|bundle)[\w:-]*|(?:npx )?(?:tsc|webpack|rimraf|rollup|esbuild|gulp|prisma generate|nest build|next build|sass)(?: [\w./ -]*)?)$`)

// buildParts makes the first parts of a script steps, where all of them build.
func (n nodeApp) buildParts(script string) string {
	parts := strings.Split(script, "&&")
	if len(parts) < 2 || len(parts) > 6 {
		return script
	}
	last := len(parts) - 1
	var steps []Step
	for i, part := range parts[:last] {
		part = strings.TrimSpace(part)
		if !buildPart.MatchString(part) {
			return script
		}
		if strings.HasSuffix(part, " build") && n.pkg.Scripts["build"] != "" && !strings.HasPrefix(part, "nest") && !strings.HasPrefix(part, "next") {
			continue // a step of its own already
		}
		steps = append(steps, Step{Name: fmt.Sprintf("prestart-%d", i+1), Run: shellCommand(nodeSetup(""), part)})
	}
	n.steps = append(n.steps, steps...)
	return strings.TrimSpace(parts[last])
}

// mainFile is a file that listens by itself: main, or one of the usual names.
func (n nodeApp) mainFile() string {
	for _, f := range []string{path.Clean(n.pkg.Main), "server.js", "index.js", "app.js", "src/server.js", "src/index.js", "src/app.js", "bin/www", "server.mjs", "index.mjs"} {
		if f == "." || f == "" || !n.r.has(f) {
			continue
		}
		if _, ok := n.r.find("command", ".listen(", f); ok {
			return f
		}
		if _, ok := n.r.find("command", "createServer(", f); ok {
			return f
		}
	}
	if n.pkg.Main != "" && n.pkg.Scripts["build"] != "" && !n.r.has(path.Clean(n.pkg.Main)) && n.framework != "" && n.listens() {
		return path.Clean(n.pkg.Main) // the build makes it
	}
	return ""
}

func (n nodeApp) listens() bool {
	seen := false
	n.r.each(n.sources, func(_ string, _ int, line string) bool {
		seen = strings.Contains(line, ".listen(") || strings.Contains(line, "createServer(") || strings.Contains(line, "Bun.serve")
		return seen
	})
	return seen
}

// addSteps puts dependencies, tests, build and the removal of what only they need
// around what the start already asked for.
func (n nodeApp) addSteps() {
	var steps []Step
	has := len(n.pkg.Dependencies)+len(n.pkg.Dev) > 0
	if has {
		steps = append(steps, Step{Name: "dependencies", Run: n.pm.install})
	}
	if script := n.pkg.Scripts["test"]; script != "" {
		if realTest(script) {
			steps = append(steps, Step{Name: "test", Run: n.pm.run("test"), Test: true})
			n.note("test", packageFile, n.lineOfScript("test"), "test: "+script)
		} else {
			n.note("note", packageFile, n.lineOfScript("test"), "the test script is no test: "+script)
		}
	}
	if script := n.pkg.Scripts["build"]; script != "" {
		steps = append(steps, Step{Name: "build", Run: n.pm.run("build")})
		n.note("build", packageFile, n.lineOfScript("build"), "build: "+script)
	}
	if n.framework == "next" && n.pkg.Scripts["build"] == "" && strings.Contains(strings.Join(n.command, " "), "next start") {
		steps = append(steps, Step{Name: "build", Run: n.argvOf([]string{"next", "build"})}) // which it does not start without
	}
	steps = append(steps, n.steps...)
	switch {
	case !has:
	case len(n.command) > 0 && n.command[0] == Self:
		steps = append(steps, Step{Name: "prune", Run: []string{"rm", "-rf", "node_modules"}})
	case n.pm.prune != nil && len(n.pkg.Dev) > 0 && !n.runsDev():
		steps = append(steps, Step{Name: "prune", Run: n.pm.prune})
	}
	n.steps = steps
}

// realTest reports whether a test script tests: npm's first one only fails.
func realTest(script string) bool {
	return !strings.Contains(script, "no test specified") && !regexp.MustCompile(`^(echo\b.*|exit \d+|true|:)$`).MatchString(strings.TrimSpace(script)) && !developer(script)
}

// runsDev reports whether the command needs a package that is only for developing.
func (n nodeApp) runsDev() bool {
	text := strings.Join(n.command, " ")
	for dev := range n.pkg.Dev {
		if strings.Contains(text, "/"+path.Base(dev)) || strings.Contains(text, dev) && len(dev) > 3 {
			return true
		}
	}
	// A program of node_modules that no dependency is named after may be anyone's.
	argv := unwrap(n.command)
	if len(argv) == 0 || !strings.HasPrefix(argv[0], "node_modules/.bin/") {
		return strings.Contains(text, "/bin/sh")
	}
	bin := path.Base(argv[0])
	return !slices.ContainsFunc(keys(n.pkg.Dependencies), func(d string) bool { return path.Base(d) == bin })
}
