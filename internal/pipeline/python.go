package pipeline

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

const venvPython = ".venv/bin/python"

// makeVenv makes the environment, which may use what the machine has, and installs
// the packages that are its arguments. No registry is asked where the machine has
// all of them.
const makeVenv = `pip() { .venv/bin/python -m pip install --disable-pip-version-check --no-warn-script-location "$@"; }
python3 -m venv --system-site-packages .venv && { pip --quiet --no-deps --no-index "$@" 2>/dev/null || pip "$@"; }`

// pyApp is a Python folder on its way to a candidate.
type pyApp struct {
	*found
	r     *repo
	needs requirements
	venv  bool
}

// pyFrameworks by the name of their package.
var pyFrameworks = []struct{ pkg, name string }{
	{"django", "django"}, {"fastapi", "fastapi"}, {"flask", "flask"}, {"starlette", "starlette"}, {"quart", "quart"},
	{"sanic", "sanic"}, {"aiohttp", "aiohttp"}, {"tornado", "tornado"}, {"bottle", "bottle"}, {"falcon", "falcon"},
	{"pyramid", "pyramid"}, {"streamlit", "streamlit"}, {"gradio", "gradio"},
}

// detectPython finds a program in Python: by its framework, or by a file that
// starts a server.
func detectPython(r *repo) (*found, error) {
	p := pyApp{r: r, found: &found{language: "python", rank: rankFiles, sources: pySources(r),
		set: map[string]string{"PYTHONUNBUFFERED": unlessSet("PYTHONUNBUFFERED", "1")}}}
	var err error
	if p.needs, err = readRequirements(r); err != nil {
		return nil, err
	}
	if p.needs.file == "" && len(p.sources) == 0 {
		return nil, nil
	}
	p.venv = len(p.needs.install) > 0
	if p.venv {
		p.setup = pySetup
	}
	p.local = p.argvOf
	if p.needs.file != "" {
		p.note("language", p.needs.file, 1, "a Python project")
	} else {
		p.note("language", p.sources[0], 1, "a program in Python")
	}
	p.findFramework()
	p.start()
	if len(p.command) == 0 {
		p.gap(flagCommand, "nothing says how the Python program is started: no manage.py, no application of a framework, no file that starts a server")
	}
	p.addSteps()
	return p.found, nil
}

// pySources leaves out what only installs or configures.
func pySources(r *repo) []string {
	return slices.DeleteFunc(r.sources(".py"), func(f string) bool {
		return slices.Contains([]string{"noxfile.py", "tasks.py", "fabfile.py", "versioneer.py"}, path.Base(f))
	})
}

// pyModules are programs that pip installs as scripts. Their first line names the
// folder they were built in, so they are run as modules.
var pyModules = map[string]string{"gunicorn": "gunicorn", "uvicorn": "uvicorn", "flask": "flask", "hypercorn": "hypercorn",
	"daphne": "daphne", "waitress-serve": "waitress", "celery": "celery", "streamlit": "streamlit", "django-admin": "django",
	"fastapi": "fastapi", "alembic": "alembic", "sanic": "sanic", "pytest": "pytest"}

// pySetup does the same for a line that a shell runs.
func pySetup(text string) string {
	out := `PATH="$PWD/.venv/bin:$PATH"; `
	for _, tool := range []string{"poetry", "pipenv", "uv"} {
		if strings.Contains(text, tool+" run ") {
			out += tool + `() { shift; "$@"; }; `
		}
	}
	for _, k := range keys(pyModules) {
		if strings.Contains(text, k) && !strings.Contains(k, "-") {
			out += k + "() { python -m " + pyModules[k] + ` "$@"; }; `
		}
	}
	return out
}

// python is the interpreter the program runs with.
func (p pyApp) python() string {
	if p.venv {
		return venvPython
	}
	return "python3"
}

// argvOf runs Python's programs with the interpreter of the project.
func (p pyApp) argvOf(argv []string) []string {
	if len(argv) == 0 {
		return argv
	}
	base := path.Base(argv[0])
	if (argv[0] == "poetry" || argv[0] == "pipenv" || argv[0] == "uv") && len(argv) > 2 && argv[1] == "run" {
		return p.argvOf(argv[2:])
	}
	switch module, known := pyModules[base]; {
	case base == "python" || base == "python3":
		return append([]string{p.python()}, argv[1:]...)
	case known && p.venv:
		return append([]string{p.python(), "-m", module}, argv[1:]...)
	case strings.HasSuffix(argv[0], ".py"):
		return append([]string{p.python()}, argv...)
	}
	return argv
}

func (p pyApp) findFramework() {
	for _, w := range pyFrameworks {
		if line, ok := p.needs.lines[w.pkg]; ok {
			p.framework = w.name
			p.note("framework", p.needs.file, line, w.pkg)
			return
		}
	}
	p.r.each(p.sources, func(file string, n int, line string) bool {
		for _, w := range pyFrameworks {
			if m := importLine.FindStringSubmatch(line); m != nil && m[1] == w.pkg {
				p.framework = w.name
				p.facts = append(p.facts, factAt("framework", file, n, line))
			}
		}
		return p.framework != ""
	})
}

var importLine = regexp.MustCompile(`^\s*(?:from|import)\s+([A-Za-z_]\w*)`)

// start finds what starts the program.
func (p pyApp) start() {
	switch p.framework {
	case "django":
		p.django()
	case "flask", "quart":
		p.wsgi(appOf(p, `(Flask|Quart)\(`))
	case "fastapi", "starlette":
		p.asgi(appOf(p, `(FastAPI|Starlette)\(`))
	case "streamlit":
		if f := p.r.first("app.py", "streamlit_app.py", "main.py", "Home.py", "src/app.py"); f != "" {
			p.serve(f, 1, "-m", "streamlit", "run", f, "--server.port", portMark, "--server.address", hostMark, "--server.headless", "true")
		}
	}
	if len(p.command) == 0 {
		p.script()
	}
}

// serve makes python with some words the command.
func (p pyApp) serve(file string, line int, words ...string) {
	p.command = append([]string{p.python()}, words...)
	p.rank = rankServer
	if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(w, portMark) }) {
		p.port = "a flag of the server"
	}
	p.note("command", file, line, strings.Join(words, " "))
}

func (p pyApp) django() {
	manage := p.r.first("manage.py")
	if manage == "" {
		for _, f := range p.r.files {
			if path.Base(f) == "manage.py" && strings.Count(f, "/") == 1 && !aside(f) {
				manage = f
			}
		}
	}
	if manage == "" {
		return
	}
	if dir := path.Dir(manage); dir != "." {
		p.set["PYTHONPATH"] = dir
	}
	if _, ok := p.needs.lines["gunicorn"]; ok {
		for _, f := range p.r.files {
			if path.Base(f) == "wsgi.py" && !aside(f) {
				module := moduleOf(strings.TrimPrefix(f, path.Dir(manage)+"/"))
				p.serve(f, 1, "-m", "gunicorn", "--bind", hostMark+":"+portMark, module+":application")
				break
			}
		}
	}
	if len(p.command) == 0 {
		p.serve(manage, 1, manage, "runserver", "--noreload", hostMark+":"+portMark)
	}
	p.note("note", manage, 1, "migrations are not run by pave: add a step to "+File+" where they are wanted")
}

// instance is where an application object is made.
type instance struct {
	file, name string
	line       int
	factory    bool
}

// appOf is the first application at the top of a module, those named as programs
// are first; a factory where there is none.
func appOf(p pyApp, class string) instance {
	made := regexp.MustCompile(`^(\w+)\s*(?::[^=]+)?=\s*(?:\w+\.)?` + class)
	factory := regexp.MustCompile(`^(?:async )?def\s+((?:create|make|get|build|init)_?app(?:lication)?)\s*\(`)
	called := regexp.MustCompile(`^(\w+)\s*(?::[^=]+)?=\s*(?:\w+\.)?((?:create|make|get|build|init)_?app(?:lication)?)\(`)
	var app, fac instance
	p.r.each(entriesFirst(p.sources), func(file string, n int, line string) bool {
		for _, re := range []*regexp.Regexp{made, called} {
			if m := re.FindStringSubmatch(line); m != nil && app.file == "" {
				app = instance{file, m[1], n, false}
			}
		}
		if m := factory.FindStringSubmatch(line); m != nil && fac.file == "" {
			fac = instance{file, m[1], n, true}
		}
		return app.file != ""
	})
	if app.file == "" {
		return fac
	}
	return app
}

// entriesFirst puts files that are named as programs are before others.
func entriesFirst(files []string) []string {
	out := slices.Clone(files)
	slices.SortStableFunc(out, func(a, b string) int { return entryRank(a) - entryRank(b) })
	return out
}

func entryRank(file string) int {
	base := path.Base(file)
	i := slices.Index([]string{"wsgi.py", "asgi.py", "app.py", "main.py", "server.py", "run.py", "application.py", "api.py", "__init__.py", "__main__.py"}, base)
	if i < 0 {
		i = 20
	}
	return i + 10*strings.Count(file, "/")
}

// moduleOf is the name a file is imported by.
func moduleOf(file string) string {
	file = strings.TrimSuffix(strings.TrimSuffix(file, ".py"), "/__init__")
	return strings.ReplaceAll(file, "/", ".")
}

// module is the name of an instance's module; a src folder goes on the path.
func (p pyApp) module(i instance) string {
	file := i.file
	if rest, ok := strings.CutPrefix(file, "src/"); ok {
		p.set["PYTHONPATH"], file = "src", rest
	}
	return moduleOf(file)
}

func (p pyApp) wsgi(i instance) {
	if i.file == "" {
		return
	}
	target := p.module(i) + ":" + i.name
	if _, ok := p.needs.lines["gunicorn"]; ok && p.framework == "flask" {
		if i.factory {
			target += "()"
		}
		p.serve(i.file, i.line, "-m", "gunicorn", "--bind", hostMark+":"+portMark, target)
		return
	}
	p.serve(i.file, i.line, "-m", p.framework, "--app", target, "run", "--host", hostMark, "--port", portMark)
	p.note("note", i.file, i.line, "runs on the server of "+p.framework+"; with gunicorn in the requirements it runs on that")
}

func (p pyApp) asgi(i instance) {
	if i.file == "" {
		return
	}
	words := []string{"-m", "uvicorn", p.module(i) + ":" + i.name, "--host", hostMark, "--port", portMark}
	if i.factory {
		words = append(words, "--factory")
	}
	p.serve(i.file, i.line, words...)
	if !p.needs.any("uvicorn", "fastapi[standard]", "fastapi[all]") {
		p.note("note", i.file, i.line, "uvicorn is not in the requirements: it must be on the machine")
	}
}

// serverLine starts a server, without a framework that says so elsewhere.
var serverLine = regexp.MustCompile(`HTTPServer\(|serve_forever\(|web\.run_app\(|app\.run\(|\.run_server\(|make_server\(|\brun\(app|uvicorn\.run\(|\.listen\(|serve\(app|\.launch\(|start_server\(|socketserver\.`)

// mainGuard is what stands before what runs only when the file is the program.
var mainGuard = regexp.MustCompile(`(?m)^if\s+__name__\s*==\s*["']__main__["']`)

// script finds a file that starts a server when it is run.
func (p pyApp) script() {
	p.r.each(entriesFirst(p.sources), func(file string, n int, line string) bool {
		text := p.r.read(file)
		base := path.Base(file)
		runs := mainGuard.MatchString(text) || base == "__main__.py" || entryRank(base) < 20 && line == strings.TrimLeft(line, " \t")
		if !runs || !serverLine.MatchString(line) {
			return false
		}
		if base == "__main__.py" && path.Dir(file) != "." {
			p.serve(file, n, "-m", p.module(instance{file: path.Dir(file)}))
		} else {
			p.serve(file, n, file)
		}
		return true
	})
}
