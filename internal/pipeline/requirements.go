package pipeline

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/pave-platform/pave"
)

// requirements are the packages a Python project says it needs.
type requirements struct {
	file    string         // the file that says most
	lines   map[string]int // package -> line
	install []string       // arguments of pip install; none where nothing is to install
}

func (q requirements) any(names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { _, ok := q.lines[n]; return ok })
}

var requirementName = regexp.MustCompile(`^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?`)

// add notes a requirement, as it is written; a name with extras counts as both.
func (q requirements) add(text string, line int) {
	m := requirementName.FindStringSubmatch(text)
	if m == nil {
		return
	}
	name := strings.ReplaceAll(strings.ToLower(m[1]), "_", "-")
	for _, n := range []string{name, name + strings.ToLower(strings.ReplaceAll(m[2], " ", ""))} {
		if _, ok := q.lines[n]; !ok {
			q.lines[n] = line
		}
	}
}

// readRequirements reads requirements.txt, else pyproject.toml, Pipfile or setup.py.
func readRequirements(r *repo) (requirements, error) {
	q := requirements{lines: map[string]int{}}
	if name := r.first("requirements.txt", "requirements/production.txt", "requirements/prod.txt", "requirements/base.txt", "requirements/requirements.txt"); name != "" {
		q.file = name
		q.readText(r, name, 0)
		if len(q.lines) > 0 {
			q.install = []string{"-r", name}
		}
		return q, nil
	}
	listed, err := q.readProject(r)
	if err != nil {
		return q, err
	}
	if err := q.readPipfile(r); err != nil {
		return q, err
	}
	switch {
	case r.has("pyproject.toml") && (len(q.lines) > 0 || !r.has("Pipfile")):
		q.file = "pyproject.toml"
		if q.install = listed; len(q.install) == 0 && len(q.lines) > 0 {
			q.install = []string{"."}
		}
	case r.has("Pipfile"):
		q.file = "Pipfile"
		for _, name := range keys(q.lines) {
			if !strings.Contains(name, "[") {
				q.install = append(q.install, name)
			}
		}
	case r.has("setup.py"):
		q.file = "setup.py"
		if text := r.read("setup.py"); strings.Contains(text, "install_requires") {
			q.install = []string{"."}
			q.readSetup(text)
		}
	default:
		q.readDocker(r)
	}
	return q, nil
}

// readText reads a requirements file, with those it includes.
func (q requirements) readText(r *repo, name string, depth int) {
	if depth > 4 {
		return
	}
	n := 0
	for line := range strings.Lines(r.read(name)) {
		n++
		line, _, _ = strings.Cut(strings.TrimSpace(line), " #")
		if n > 5000 || len(line) > maxLine || line == "" || line[0] == '#' {
			continue
		}
		if rest, ok := strings.CutPrefix(line, "-r "); ok {
			q.readText(r, joinUnder(name, strings.TrimSpace(rest)), depth+1)
		} else if line[0] != '-' {
			q.add(line, n)
		} else if strings.HasPrefix(line, "-e") {
			q.lines["-e"] = n
		}
	}
}

var pipInstall = regexp.MustCompile(`\bpip3? install\s+([^;&|]+)`)

// readDocker reads the packages that a Dockerfile installs by name.
func (q *requirements) readDocker(r *repo) {
	d, err := readDockerfile(r)
	if d == nil || err != nil {
		return
	}
	for _, in := range d.run {
		m := pipInstall.FindStringSubmatch(in.rest)
		if m == nil {
			continue
		}
		for _, word := range strings.Fields(m[1]) {
			word = strings.Trim(word, `"'`)
			if requirementName.MatchString(word) && !strings.ContainsAny(word, "/$") && len(q.install) < 100 {
				q.file, q.lines[strings.ToLower(word)] = d.name, in.line
				q.install = append(q.install, word)
				q.add(word, in.line)
			}
		}
	}
}

// project is what counts of a pyproject.toml.
type project struct {
	Project struct {
		Dependencies []string `toml:"dependencies"`
	} `toml:"project"`
	Tool struct {
		Poetry struct {
			Dependencies map[string]any `toml:"dependencies"`
		} `toml:"poetry"`
	} `toml:"tool"`
}

// readProject returns the list of dependencies, where it is in the standard form.
func (q requirements) readProject(r *repo) (list []string, err error) {
	text := r.read("pyproject.toml")
	var p project
	if err := decodeTOML("pyproject.toml", text, &p); err != nil {
		return nil, err
	}
	for _, d := range p.Project.Dependencies {
		if requirementName.MatchString(d) && len(list) < 500 {
			q.add(d, lineOf(text, d))
			list = append(list, strings.TrimSpace(d))
		}
	}
	for _, d := range keys(p.Tool.Poetry.Dependencies) {
		if d != "python" {
			q.add(d, lineOf(text, d))
			list = nil // in a form that only an installation of the project understands
		}
	}
	return list, nil
}

func (q requirements) readPipfile(r *repo) error {
	text := r.read("Pipfile")
	var p struct {
		Packages map[string]any `toml:"packages"`
	}
	if err := decodeTOML("Pipfile", text, &p); err != nil {
		return err
	}
	for _, d := range keys(p.Packages) {
		q.add(d, lineOf(text, d))
	}
	return nil
}

var quoted = regexp.MustCompile(`["']([A-Za-z][A-Za-z0-9._\[\]-]*)[^"']*["']`)

// readSetup reads the list install_requires, where it is one.
func (q requirements) readSetup(text string) {
	_, rest, _ := strings.Cut(text, "install_requires")
	list, _, _ := strings.Cut(rest, "],")
	for _, m := range quoted.FindAllStringSubmatch(list[:min(len(list), 4000)], 200) {
		q.add(m[1], lineOf(text, m[0]))
	}
}

// maxNesting is how deep brackets may stand in each other: the reader of TOML
// takes a step of its own stack for each.
const maxNesting = 200

func decodeTOML(name, text string, into any) error {
	deep := 0
	for _, c := range text {
		switch c {
		case '[', '{':
			deep++
		case ']', '}':
			deep = max(deep-1, 0)
		}
		if deep > maxNesting {
			return pave.Errorf(pave.Invalid, "%s: brackets stand more than %d deep", name, maxNesting)
		}
	}
	if _, err := toml.Decode(text, into); err != nil {
		return pave.Errorf(pave.Invalid, "%s: %s", name, shown(fmt.Sprint(err)))
	}
	return nil
}
