package pipeline

import (
	"path"
	"slices"
)

// complete makes a pipeline of a candidate with what the rest of the repository
// says: variables, port, health path and needed servers.
func complete(f *found, r, root *repo, folder string, given bool, over Override) Pipeline {
	p := Pipeline{Language: f.language, Framework: f.framework, Steps: f.steps, Command: f.command, Evidence: f.facts, Gaps: f.gaps}
	for _, word := range f.command {
		if word = path.Clean(word); r.has(word) && !slices.Contains(f.sources, word) && path.Ext(word) != ".json" {
			f.sources = append([]string{word}, f.sources...)
		}
	}
	p.Vars = findVars(r, f.sources)
	p.Needs = findNeeds(r, root, folder)
	switch {
	case len(p.Command) > 0 && !given && over.Port == "":
		p.findPort(f, r)
	case len(p.Command) > 0 || given:
		if v, ok := portVar(p.Vars); ok && over.Port == "" {
			p.Port = v.Name
			if v.Name != "PORT" {
				f.set = merged(f.set, map[string]string{v.Name: portValue(v.Name)})
			}
			p.fact("port", v.File, v.Line, "reads "+v.Name)
		}
	}
	p.findReady(f, r)
	p.Vars = withoutPort(p.Vars, p.Port)
	return p
}

// withoutPort leaves out the variable of the port: nobody has to give it.
func withoutPort(vars []Var, port string) []Var {
	var out []Var
	for _, v := range vars {
		if v.Name != "PORT" && v.Name != port {
			out = append(out, v)
		}
	}
	return out
}

func (p *Pipeline) fact(what, file string, line int, text string) {
	p.Evidence = append(p.Evidence, Fact{what, file, line, shown(text)})
}
