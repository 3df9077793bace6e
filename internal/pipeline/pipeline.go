// Package pipeline knows what the pipeline of a repository is, detected from its
// files with evidence for each finding, and runs its steps as jobs. It knows no
// service, no store and no node: who runs a job is an interface.
//
// A detector per language makes a candidate (golang.go, node.go, python.go, java.go,
// static.go, docker.go); detect.go takes the best one and completes it with what a
// Procfile, a Dockerfile, compose files and the code say. All input is hostile: what
// is read is bounded in tree.go, and nothing of a repository runs while it is read.
package pipeline

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// TCP is the Ready of a service that is ready when its port takes a connection.
const TCP = "tcp"

// Placeholders in a Command, which the node replaces for each replica.
const (
	portMark = "${PORT}"
	hostMark = "${HOST}"
	// Self as the program of a Command is the program that reads it.
	Self = "${PAVE}"
)

// Pipeline is what happens to a commit and how its result is run.
type Pipeline struct {
	Language  string   `json:"language"`
	Framework string   `json:"framework,omitempty"`
	Folder    string   `json:"folder,omitempty"` // of the program, where it is not the root
	Steps     []Step   `json:"steps"`
	Command   []string `json:"command"`        // argv of the service, in the built tree
	Ready     string   `json:"ready"`          // path that answers 200 when it may serve, or TCP
	Port      string   `json:"port,omitempty"` // how it learns its port: a variable or a flag
	Tools     []string `json:"tools,omitempty"`
	Vars      []Var    `json:"vars,omitempty"`
	Needs     []Need   `json:"needs,omitempty"`
	Evidence  []Fact   `json:"facts,omitempty"`
	Gaps      []Gap    `json:"gaps,omitempty"`
}

// Step is one program of a pipeline, run in the exported tree.
type Step struct {
	Name string   `json:"name"`
	Run  []string `json:"run"`
	Test bool     `json:"test,omitempty"` // gets the throw-away database
}

// Var is an environment variable that the code reads.
type Var struct {
	Name    string `json:"name"`
	Default bool   `json:"default,omitempty"` // the code does without it
	File    string `json:"file"`
	Line    int    `json:"line"`
}

// Need is a server the code speaks to: a driver it uses, or a compose file's image.
type Need struct {
	Kind   string `json:"kind"`   // database, cache, queue
	Engine string `json:"engine"` // postgresql, redis, mysql, mongodb, ...
	File   string `json:"file"`
	Line   int    `json:"line"`
	Text   string `json:"text"`
}

// Fact is a finding with the place it was read at.
type Fact struct {
	What string `json:"what"` // language, framework, command, port, ready, test, note
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	Text string `json:"text"`
}

// Gap is what the repository does not say. One that is fatal must be filled before
// the service can run.
type Gap struct {
	What  string `json:"what"`
	Flag  string `json:"flag"` // what gives it
	Fatal bool   `json:"fatal,omitempty"`
}

// Names lists the steps that people care about: all but the dependencies.
func (p Pipeline) Names() []string {
	out := []string{}
	for _, s := range p.Steps {
		if s.Name != "dependencies" {
			out = append(out, s.Name)
		}
	}
	return out
}

// wrap is an argv that runs in a folder and with variables: env(1) does both and
// then is the program itself.
func wrap(argv []string, folder string, set map[string]string) []string {
	if len(argv) == 0 || folder == "" && len(set) == 0 {
		return argv
	}
	out := []string{"env"}
	if folder != "" {
		out = append(out, "-C", folder)
	}
	for _, k := range slices.Sorted(maps.Keys(set)) {
		out = append(out, k+"="+set[k])
	}
	return append(out, argv...)
}

// unlessSet is the value of a variable in a Command that a variable of the service
// wins over: the node leaves the word out where there is one.
func unlessSet(name, value string) string { return "${" + name + ":-" + value + "}" }

// unwrap is the argv inside of wrap.
func unwrap(argv []string) []string {
	if len(argv) == 0 || argv[0] != "env" {
		return argv
	}
	for i := 1; i < len(argv); i++ {
		switch {
		case argv[i] == "-C":
			i++
		case argv[i] == "" || argv[i][0] == '-': // not of ours
			return argv
		case !strings.Contains(argv[i], "="):
			return argv[i:]
		}
	}
	return nil
}

// PortVariables are the variables that a command sets to the port, or to an address
// with it.
func PortVariables(argv []string) map[string]string {
	out := map[string]string{}
	for _, word := range argv[:envEnd(argv)] {
		if name, value, ok := strings.Cut(word, "="); ok && strings.Contains(value, portMark) && !strings.Contains(value, ":-") {
			out[name] = value
		}
	}
	return out
}

// Line is the command as people would write it: without the variables it gets, and
// without what is loaded before it.
func (p Pipeline) Line() string {
	argv := slices.Clone(unwrap(p.Command))
	if len(argv) == 3 && argv[0] == "/bin/sh" {
		return afterSetup(argv[2])
	}
	for i, a := range argv {
		switch {
		case a == Self:
			argv[i] = "pave"
		case strings.Contains(a, "\n"):
			argv[i] = "..."
		}
	}
	return strings.Join(argv, " ")
}

// afterSetup is a line for a shell without what was put before it.
func afterSetup(text string) string {
	for _, end := range []string{`:$PATH"; `, `"$@"; }; `} {
		if i := strings.LastIndex(text, end); i >= 0 {
			text = text[i+len(end):]
		}
	}
	return text
}

// tools are the programs of steps and command that must be on the machine.
func (p Pipeline) tools() []string {
	seen := map[string]bool{}
	add := func(argv []string) {
		if argv = unwrap(argv); len(argv) > 0 && !strings.ContainsAny(argv[0], "/$") && argv[0] != "sh" && argv[0] != "rm" {
			seen[argv[0]] = true
		}
	}
	for _, s := range p.Steps {
		add(s.Run)
	}
	add(p.Command)
	site := len(p.Command) > 0 && unwrap(p.Command)[0] == Self
	switch p.Language {
	case "node":
		seen["node"] = seen["node"] || !site
	case "python":
		seen["python3"] = seen["python3"] || !site
	case "java":
		seen["java"] = true
	}
	var out []string
	for name, wanted := range seen {
		if wanted {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func sortVars(vars []Var) {
	slices.SortFunc(vars, func(a, b Var) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
}
