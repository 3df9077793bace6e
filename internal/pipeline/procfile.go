package pipeline

import (
	"path"
	"regexp"
	"strings"
)

var procLine = regexp.MustCompile(`^([A-Za-z0-9_-]+)\s*:\s*(.+)$`)

// joinUnder is a name relative to the folder of another file.
func joinUnder(file, name string) string { return path.Join(path.Dir(file), name) }

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
		l := parseLine(m[2])
		if f.set == nil {
			f.set = map[string]string{}
		}
		for k, v := range l.set {
			f.set[k] = v
		}
		f.command, f.gaps, f.port = f.argv(l), nil, ""
		f.rank = rankServer
		f.note("command", "Procfile", n, text)
		if l.shell {
			f.note("note", "Procfile", n, "the line needs a shell: it runs by /bin/sh -c")
		}
	}
	if len(others) > 0 {
		f.note("note", "Procfile", 1, "only web is run; there are also "+strings.Join(others[:min(len(others), 8)], ", "))
	}
}
