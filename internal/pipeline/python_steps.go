package pipeline

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// addSteps makes the environment where packages are wanted, and runs the tests
// whose runner is there.
func (p pyApp) addSteps() {
	if p.venv {
		p.steps = append(p.steps, Step{Name: "dependencies", Run: append([]string{"/bin/sh", "-c", makeVenv, "pip"}, p.needs.install...)})
	}
	test := regexp.MustCompile(`^\s*(?:import|from)\s+(unittest|pytest)\b`)
	var unit, other Fact
	p.r.each(p.r.ending(".py"), func(file string, n int, line string) bool {
		base := path.Base(file)
		if !strings.HasPrefix(base, "test_") && !strings.HasSuffix(base, "_test.py") && base != "tests.py" {
			return false
		}
		switch m := test.FindStringSubmatch(line); {
		case m == nil:
		case m[1] == "unittest" && unit.File == "":
			unit = factAt("test", file, n, line)
		case m[1] == "pytest" && other.File == "":
			other = factAt("test", file, n, line)
		}
		return unit.File != "" && other.File != ""
	})
	switch {
	case p.framework == "django" && unit.File+other.File == "":
	case p.needs.any("pytest"):
		if p.hasTests() {
			p.steps = append(p.steps, Step{Name: "test", Run: []string{p.python(), "-m", "pytest", "-q", "-p", "no:cacheprovider"}, Test: true})
			p.note("test", p.needs.file, p.needs.lines["pytest"], "pytest")
		}
	case unit.File != "" && other.File == "":
		p.steps = append(p.steps, Step{Name: "test", Run: p.unittest(unit.File), Test: true})
		p.facts = append(p.facts, unit)
	case other.File != "":
		other.What, other.Text = "note", "tests are not run: pytest is not in "+orElse(p.needs.file, "a requirements.txt")
		p.facts = append(p.facts, other)
	}
}

func (p pyApp) hasTests() bool {
	return slices.ContainsFunc(p.r.files, func(f string) bool {
		base := path.Base(f)
		return strings.HasSuffix(base, ".py") && (strings.HasPrefix(base, "test_") || strings.HasSuffix(base, "_test.py"))
	})
}

func (p pyApp) unittest(file string) []string {
	argv := []string{p.python(), "-m", "unittest", "discover"}
	if dir := path.Dir(file); dir != "." && !p.r.has(path.Join(dir, "__init__.py")) {
		argv = append(argv, "-s", dir)
	}
	return argv
}
