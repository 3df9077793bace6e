package platform

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/pipeline"
	"github.com/pave-platform/pave/internal/template"
)

// preview looks at what the first commit of a new service will hold. It is Invalid
// where the service could not be built and run and only a person can say how; the
// hint names the flags. The notes are what a person may want to know or to give.
func (p *Platform) preview(ctx context.Context, t *template.Template, name pave.Name, want pave.Wanted) ([]string, error) {
	tree, err := t.Render(ctx, p.varsOf(name, want))
	if err != nil {
		return nil, err
	}
	notes := slices.Clone(t.Notes())
	if want.Hooks {
		notes = []string{"programs of the template run, as the user of builds: " + strings.Join(t.HookNames(), ", ")}
	}
	pipe, err := detect(tree.FS(), want)
	if err != nil && want.Hooks { // they may add what is missing
		return append(notes, "how it is built and run is known after the hooks: "+err.Error()), nil
	}
	if err != nil {
		return nil, err
	}
	notes = append(notes, tree.Notes...)
	if t.Format != template.FormatPave {
		notes = append(notes, howItRuns(pipe))
	}
	unused, err := p.unused(ctx, t, name, want, tree, pipe)
	return slices.Concat(notes, gapNotes(pipe), unmet(pipe, want), unused), err
}

// varsOf are the variables by which a service's template is rendered.
func (p *Platform) varsOf(name pave.Name, want pave.Wanted) template.Vars {
	v := template.Vars{Seed: p.Seed(name), Name: string(name), Team: string(want.Team), Database: want.Engine(pave.KindDatabase),
		Cache: want.Engine(pave.KindCache), Queue: want.Engine(pave.KindQueue), Bucket: want.Engine(pave.KindBucket), Inputs: want.Inputs}
	for _, env := range want.Environments {
		v.Environments = append(v.Environments, string(env))
	}
	return v
}

// detect reads the pipeline of a service's tree: what was said of it wins, and what
// its template says counts where nothing is found.
func detect(tree fs.FS, want pave.Wanted) (pipeline.Pipeline, error) {
	var over, def pave.Override
	if want.Run != nil {
		over = *want.Run
	}
	if want.Defaults != nil {
		def = *want.Defaults
	}
	pipe, err := pipeline.Detect(tree, over)
	if pave.CodeOf(err) == pave.Invalid && (def.Command != "" || def.Folder != "" || def.Port != "") {
		if over.Command == "" {
			over.Command, over.Build = def.Command, def.Build
		}
		if over.Folder == "" {
			over.Folder = def.Folder
		}
		if over.Port == "" {
			over.Port = def.Port
		}
		pipe, err = pipeline.Detect(tree, over)
	}
	if pipe.Ready == pipeline.TCP && over.Ready == "" && def.Ready != "" {
		pipe.Ready = def.Ready
	}
	return pipe, err
}

// howItRuns is one line about what was detected.
func howItRuns(pipe pipeline.Pipeline) string {
	what := pipe.Language
	if pipe.Framework != "" {
		what += " with " + pipe.Framework
	}
	text := fmt.Sprintf("detected: %s, started by %q", cmp.Or(what, "no language"), pipe.Line())
	if pipe.Port != "" {
		text += ", port by " + pipe.Port
	}
	if pipe.Ready != "" {
		text += ", ready by " + pipe.Ready
	}
	return text
}

// given are variables that every service gets.
var given = []string{"PORT", "HOST", "SERVICE_NAME", "SERVICE_VERSION", "PATH", "HOME", "NODE_ENV", "TMPDIR", "PWD", "USER", "LANG", "TZ", "CI"}

// unmet are servers the code speaks to and variables it needs that the service is
// not to get.
func unmet(pipe pipeline.Pipeline, want pave.Wanted) []string {
	var out []string
	said := map[string]bool{}
	for _, need := range pipe.Needs {
		if said[need.Engine] || want.Engine(need.Kind) == need.Engine {
			continue
		}
		said[need.Engine] = true
		fix := "it has to be reached in some other way"
		if e, err := pave.FindEngine(need.Kind, need.Engine); err == nil && e.Provider == "" {
			fix = fmt.Sprintf("no %s is run on this machine; --%s %s has it made by the module that pave bind names", need.Engine, need.Kind, need.Engine)
		}
		if slices.Contains(pave.EnginesOf(need.Kind), need.Engine) {
			fix = fmt.Sprintf("--%s %s gives it one", need.Kind, need.Engine)
		}
		out = append(out, fmt.Sprintf("the code speaks to %s (%s:%d): %s", need.Engine, need.File, need.Line, fix))
	}
	for _, v := range pipe.Vars {
		_, set := want.Variables[v.Name]
		if _, secret := want.Settings.Secrets[v.Name]; secret {
			continue
		}
		if v.Default || set || slices.Contains(given, v.Name) || strings.HasPrefix(v.Name, "PAVE_") || strings.HasPrefix(v.Name, "OTEL_") ||
			isBackings(want, v.Name) {
			continue
		}
		out = append(out, fmt.Sprintf("the code reads %s (%s:%d), which nothing sets", v.Name, v.File, v.Line))
	}
	return out
}
