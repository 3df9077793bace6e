package pipeline

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

var procLine = regexp.MustCompile(`^([A-Za-z0-9_-]+)\s*:\s*(.+)$`)

// joinUnder is a name relative to the folder of another file.
func joinUnder(file, name string) string { return path.Join(path.Dir(file), name) }

var collect = regexp.MustCompile(`^python3? (\S*manage\.py) collectstatic( --no-?input)?$`)

// withoutCollect makes the collecting of Django's files a step: a release cannot be
// written when it runs.
func (f *found) withoutCollect(text string) string {
	if f.framework != "django" {
		return text
	}
	var rest []string
	for part := range strings.SplitSeq(text, "&&") {
		m := collect.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil || slices.ContainsFunc(f.steps, func(s Step) bool { return s.Name == "collectstatic" }) {
			rest = append(rest, strings.TrimSpace(part))
			continue
		}
		f.steps = append(f.steps, Step{Name: "collectstatic", Run: f.argv(line{argv: []string{"python", m[1], "collectstatic", "--no-input"}})})
	}
	if len(f.steps) == 0 || len(rest) == 0 {
		return text
	}
	return strings.Join(rest, " && ")
}

// applyProcfile takes the command from a Procfile's web line: its author said how
// the service is started.
func applyProcfile(r *repo, f *found) {
	n := 0
	others := []string{}
	for text := range strings.Lines(r.read("Procfile")) {
		n++
		m := procLine.FindStringSubmatch(strings.TrimSpace(text))
		if m == nil || len(text) > maxLine*4 {
			continue
		}
		if m[1] != "web" {
			others = append(others, m[1])
			continue
		}
		l := parseLine(f.withoutCollect(m[2]))
		if f.set == nil {
			f.set = map[string]string{}
		}
		for k, v := range l.set {
			f.set[k] = v
		}
		f.command, f.gaps, f.port = f.argv(l), nil, ""
		f.rank = rankServer
		f.facts = slices.DeleteFunc(f.facts, func(a Fact) bool { return a.What == "command" })
		f.note("command", "Procfile", n, text)
		if l.shell {
			f.note("note", "Procfile", n, "the line needs a shell: it runs by /bin/sh -c")
		}
	}
	if len(others) > 0 {
		f.note("note", "Procfile", 1, "only web is run; there are also "+strings.Join(others[:min(len(others), 8)], ", "))
	}
}
