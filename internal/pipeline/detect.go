package pipeline

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
)

// found is what a detector makes of a folder.
type found struct {
	language  string
	framework string
	rank      int // how sure it is that this is the service
	steps     []Step
	command   []string
	set       map[string]string            // variables the command runs with
	setup     func(text string) string     // what a shell needs to find the programs of the repository
	local     func(argv []string) []string // finds the programs of the repository without a shell
	ready     string
	port      string // how the command learns its port, where the detector knows
	sources   []string
	facts     []Fact
	gaps      []Gap
}

// ranks of a candidate.
const (
	rankFiles   = 1 // there are files of the language, but nothing that starts
	rankCommand = 2 // something starts
	rankServer  = 3 // what starts is a server
)

func (f *found) note(what, file string, line int, text string) {
	f.facts = append(f.facts, Fact{what, file, line, shown(text)})
}

func (f *found) gap(flag, what string) { f.gaps = append(f.gaps, Gap{what, flag, true}) }

// detectors, in the order in which equals are taken.
var detectors = []func(*repo) (*found, error){detectGo, detectPython, detectNode, detectJava, detectDocker, detectStatic}

// Detect reads the pipeline of a tree. The error is Invalid where a file is wrong or
// where something is missing that only a person can say; the Pipeline then holds
// what was found all the same.
func Detect(tree fs.FS, over Override) (Pipeline, error) {
	if err := CheckOverride(over); err != nil {
		return Pipeline{}, err
	}
	own, hasOwn, err := readFile(tree)
	if err != nil {
		return Pipeline{}, err
	}
	root, err := openRepo(tree)
	if err != nil {
		return Pipeline{}, err
	}
	given := len(own.Run) > 0 || over.Command != ""
	f, r, folder, err := choose(root, over.Folder)
	if err != nil && !(given && pave.CodeOf(err) == pave.Invalid) {
		return Pipeline{}, err
	}
	if f == nil {
		f, r, folder = &found{}, root, ""
	}
	p := complete(f, r, root, folder, given, over)
	p.Folder = folder
	p.place(f, folder)
	if hasOwn {
		p.overrideByFile(own)
	}
	p.override(over, f, folder)
	if p.Ready == "" {
		p.Ready = TCP
	}
	if err := p.runnable(); err != nil {
		return p, err
	}
	p.Tools = p.tools()
	return p, p.missing()
}

// maxCommand is how long a command may be, in bytes.
const maxCommand = 64 << 10

// runnable is Invalid where a command of the repository cannot be one.
func (p Pipeline) runnable() error {
	for _, argv := range append([][]string{p.Command}, runs(p.Steps)...) {
		text := strings.Join(argv, " ")
		if len(text) > maxCommand || strings.ContainsRune(text, 0) || len(argv) > 0 && len(unwrap(argv)) == 0 {
			return pave.Errorf(pave.Invalid, "the command %q names no program, is longer than %d KB, or has a NUL byte", shown(text), maxCommand>>10).
				WithHint("put it in a script of the repository")
		}
	}
	return nil
}

func runs(steps []Step) (out [][]string) {
	for _, s := range steps {
		out = append(out, s.Run)
	}
	return out
}

// place makes steps and command run in their folder.
func (p *Pipeline) place(f *found, folder string) {
	for i := range p.Steps {
		p.Steps[i].Run = wrap(p.Steps[i].Run, folder, nil)
	}
	p.Command = wrap(p.Command, folder, f.set)
	for _, facts := range [][]Fact{p.Evidence} {
		for i := range facts {
			if facts[i].File != "" {
				facts[i].File = path.Join(folder, facts[i].File)
			}
		}
	}
	for i := range p.Vars {
		p.Vars[i].File = path.Join(folder, p.Vars[i].File)
	}
}

func (p *Pipeline) overrideByFile(own file) {
	line := Fact{What: "pipeline", File: File, Line: 1, Text: "overrides what is detected"}
	p.Evidence = append([]Fact{line}, p.Evidence...)
	if own.Steps != nil {
		p.Steps = *own.Steps
	}
	if len(own.Run) > 0 {
		p.Command, p.Gaps = own.Run, nil
		if own.Ready == "" { // the format's default, from its first day
			p.Ready = "/health/ready"
		}
	}
	if own.Ready != "" {
		p.Ready = own.Ready
	}
}

func (p *Pipeline) override(o Override, f *found, folder string) {
	by := func(what, flag, text string) {
		p.Evidence = append(p.Evidence, Fact{What: what, Text: "given by " + flag + ": " + shown(text)})
	}
	if len(o.Build) > 0 {
		p.Steps = givenSteps(o)
		by("steps", "--build", strings.Join(o.Build, "; "))
	}
	if o.NoTests {
		p.Steps = slices.DeleteFunc(slices.Clone(p.Steps), func(s Step) bool { return s.Test || s.Name == "vet" })
		by("test", "--no-tests", "tests are left out")
	}
	if o.Command != "" {
		l := parseLine(o.Command)
		p.Command, p.Gaps = wrap(f.argv(l), folder, merged(f.set, l.set)), nil
		by("command", "--command", o.Command)
	}
	if o.Port != "" {
		p.givePort(o.Port, folder)
		p.Gaps = slices.DeleteFunc(p.Gaps, func(g Gap) bool { return g.Flag == flagPort })
		by("port", flagPort, o.Port)
	}
	if o.Ready != "" {
		p.Ready = o.Ready
		by("ready", "--ready", o.Ready)
	}
	p.Gaps = slices.DeleteFunc(p.Gaps, func(g Gap) bool { return g.Flag == flagBuild && len(o.Build) > 0 })
}

// argv is a command that people wrote, as it runs in the built tree.
func (f *found) argv(l line) []string {
	switch {
	case l.shell || len(l.argv) == 0:
		setup := ""
		if f.setup != nil {
			setup = f.setup(l.text)
		}
		return shellCommand(setup, l.text)
	case f.local != nil:
		return f.local(l.argv)
	}
	return l.argv
}

func merged(a, b map[string]string) map[string]string {
	out := maps.Clone(a)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, b)
	return out
}

// missing is an Invalid error that names what only a person can say.
func (p Pipeline) missing() error {
	var texts, flags []string
	for _, g := range p.Gaps {
		if g.Fatal {
			texts = append(texts, g.What)
			if g.Flag != "" && !slices.Contains(flags, g.Flag) {
				flags = append(flags, g.Flag)
			}
		}
	}
	if len(texts) == 0 && len(p.Command) == 0 {
		texts, flags = []string{"nothing in the repository says how the service is built and run"}, []string{flagCommand}
	}
	if len(texts) == 0 {
		return nil
	}
	err := pave.Errorf(pave.Invalid, "%s", strings.Join(texts, "; ")).
		WithHint("give %s, or add %s with version: 1, steps and run", strings.Join(flags, " and "), File)
	for _, flag := range flags {
		for part := range strings.SplitSeq(flag, " and ") {
			part, _, _ = strings.Cut(part, " or ") // either will do
			err.Fields = append(err.Fields, pave.FieldError{Field: strings.TrimPrefix(part, "--"), Message: "is missing"})
		}
	}
	return err
}

// The flags that fill gaps.
const (
	flagCommand = "--command"
	flagBuild   = "--build"
	flagFolder  = "--folder"
	flagPort    = "--port-as"
)

// Source is the file that says most about the pipeline; "" if there is none.
func (p Pipeline) Source() string {
	for _, what := range []string{"pipeline", "language", "command"} {
		for _, f := range p.Evidence {
			if f.What == what && f.File != "" {
				return f.File
			}
		}
	}
	return ""
}
