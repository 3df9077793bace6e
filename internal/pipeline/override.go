package pipeline

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/pave-platform/pave"
)

// Override is what a person says of a repository, where detection found nothing or
// the wrong thing. It wins over the file, as a flag does over a file.
type Override struct {
	Folder  string   `json:"folder,omitempty"`   // of the program: --folder services/api
	Command string   `json:"command,omitempty"`  // --command 'node server.js --port ${PORT}'
	Build   []string `json:"build,omitempty"`    // steps in place of all others: --build 'make all', repeatable
	Ready   string   `json:"ready,omitempty"`    // --ready /health, or tcp
	Port    string   `json:"port,omitempty"`     // --port-as APP_PORT, or a flag of the program: --port-as=--listen-port
	NoTests bool     `json:"no_tests,omitempty"` // --no-tests
}

var portAs = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]{0,63}|--?[A-Za-z][A-Za-z0-9.-]{0,63})$`)

// Check says what is wrong with the values. The error is Invalid.
func (o Override) Check() error {
	if o.Folder != "" && !fs.ValidPath(o.Folder) {
		return pave.BadField("folder", o.Folder, "is not a folder of the repository", "for example --folder services/api")
	}
	if !readyOK(o.Ready) {
		return pave.BadField("ready", o.Ready, "must begin with /, or be tcp", "for example --ready /health")
	}
	if o.Port != "" && !portAs.MatchString(o.Port) {
		return pave.BadField("port-as", o.Port, "is neither a variable nor a flag", "for example --port-as APP_PORT, or --port-as=--port")
	}
	if len(o.Build) > 20 {
		return pave.BadField("build", fmt.Sprint(len(o.Build)), "are more than 20 steps", "put them in a script of the repository")
	}
	for _, text := range append([]string{o.Command}, o.Build...) {
		if len(text) > 4000 || strings.ContainsAny(text, "\x00\n") {
			return pave.BadField("command", shown(text), "is longer than 4000 characters or more than one line", "put it in a script of the repository")
		}
	}
	for _, text := range o.Build {
		if strings.TrimSpace(text) == "" {
			return pave.BadField("build", text, "is empty", "leave it out")
		}
	}
	return nil
}

// steps are the given build commands.
func (o Override) steps() []Step {
	var out []Step
	for i, text := range o.Build {
		s := Step{Name: "build", Run: argvOf(text)}
		if i > 0 {
			s.Name = fmt.Sprintf("build-%d", i+1)
		}
		out = append(out, s)
	}
	return out
}

// argvOf is the argv of a command as people write it, by a shell only where that
// is needed.
func argvOf(text string) []string {
	l := parseLine(text)
	if l.shell || len(l.argv) == 0 {
		return shellCommand("", l.text)
	}
	return wrap(l.argv, "", l.set)
}
