package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/source"
	"github.com/spf13/cobra"
)

// askCreate asks for what a create was not given. Where something that it cannot do
// without is missing, everything is asked, with what holds otherwise as the answer to
// take; else only inputs that the template cannot do without.
func (a *app) askCreate(cmd *cobra.Command, inputs *[]string) error {
	ctx, f := cmd.Context(), cmd.Flags()
	given := func(flag string) bool { return f.Changed(flag) }
	all := !given("template") || !given("name") || !given("team")
	if !given("template") {
		if err := a.askFlag(cmd, "template", a.templateQuestion); err != nil {
			return err
		}
	}
	if err := a.askOwner(cmd, "", all); err != nil {
		return err
	}
	ref, err := f.GetString("template")
	if err != nil || source.IsAddress(ref) {
		return err // what lies elsewhere is looked at once it was sent or fetched
	}
	t, err := a.api().Template(ctx, ref)
	if err != nil {
		return err
	}
	for _, in := range t.Fields {
		named := slices.ContainsFunc(*inputs, func(s string) bool { return strings.HasPrefix(s, in.Name+"=") })
		if named || !all && (!in.Required || in.Default != "") {
			continue
		}
		answer, err := a.askFor(ctx, inputQuestion(in))
		if err != nil {
			return err
		}
		if answer != "" && answer != in.Default {
			*inputs = append(*inputs, in.Name+"="+answer)
		}
	}
	return nil
}

// askOwner asks for name, team and environments, where they were not given.
func (a *app) askOwner(cmd *cobra.Command, name string, all bool) error {
	f := cmd.Flags()
	if !f.Changed("name") {
		q := func(context.Context) (question, error) {
			return question{label: "Name", help: "of the service, unique in the organisation", standard: name, check: aName("name")}, nil
		}
		if err := a.askFlag(cmd, "name", q); err != nil {
			return err
		}
	}
	if !f.Changed("team") {
		if err := a.askFlag(cmd, "team", a.teamQuestion); err != nil {
			return err
		}
	}
	if all && !f.Changed("env") {
		return a.askFlag(cmd, "env", a.environmentQuestion)
	}
	return nil
}

// askFlag puts a question and gives a flag the answer, as if it had been typed.
func (a *app) askFlag(cmd *cobra.Command, flag string, ask func(context.Context) (question, error)) error {
	q, err := ask(cmd.Context())
	if err != nil {
		return err
	}
	answer, err := a.askFor(cmd.Context(), q)
	if err != nil {
		return err
	}
	for _, value := range strings.FieldsFunc(answer, func(r rune) bool { return flag == "env" && (r == ',' || r == ' ') }) {
		if err := cmd.Flags().Set(flag, value); err != nil {
			return err
		}
	}
	return nil
}

func aName(field string) func(string) error {
	return func(s string) error {
		_, err := pave.ParseName(field, s)
		return err
	}
}

func (a *app) templateQuestion(ctx context.Context) (question, error) {
	q := question{label: "Template", help: "a number, a name, a folder or an address"}
	all, err := a.api().ListTemplates(ctx)
	if err != nil {
		return q, err
	}
	var known []string
	for _, t := range all {
		if t.Error == "" {
			known = append(append(known, t.Name), t.Aliases...)
			q.choices = append(q.choices, t.Name+"  "+t.Title)
		}
	}
	if len(q.choices) > 0 {
		q.standard, _, _ = strings.Cut(q.choices[0], " ")
	}
	q.check = func(s string) error {
		if slices.Contains(known, s) || strings.ContainsAny(s, "/:@.") {
			return nil
		}
		e := pave.BadField("template", s, "is not a template", "")
		if near := pave.DidYouMean(s, known); near != "" {
			e = e.WithHint("did you mean %s?", near)
		}
		return e
	}
	return q, nil
}

// teamQuestion offers the first of the caller's own teams.
func (a *app) teamQuestion(ctx context.Context) (question, error) {
	q := question{label: "Team", help: "that owns it; an unknown one is made", check: aName("team")}
	teams, err := a.api().Teams(ctx)
	if err != nil {
		return q, err
	}
	for _, t := range teams[:min(len(teams), 8)] {
		q.choices = append(q.choices, string(t.Name))
	}
	who, err := a.api().Whoami(ctx)
	if err != nil {
		return q, err
	}
	switch {
	case len(who.Teams) > 0:
		q.standard = string(who.Teams[0].Team)
	case len(teams) == 1:
		q.standard = string(teams[0].Name)
	}
	return q, nil
}

func (a *app) environmentQuestion(ctx context.Context) (question, error) {
	all, err := a.api().Environments(ctx)
	q := question{label: "Environments", help: "that it runs in, with commas between"}
	if err != nil || len(all) == 0 {
		return q, err
	}
	known := namesFrom(all, func(e pave.Environment) string { return string(e.Name) })
	q.choices, q.standard = known, known[0]
	q.check = func(s string) error {
		for _, name := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }) {
			if !slices.Contains(known, name) {
				return pave.BadField("env", name, "is not an environment", "there are "+strings.Join(known, ", "))
			}
		}
		return nil
	}
	return q, nil
}

// inputQuestion asks for an input of a template.
func inputQuestion(in pave.TemplateInput) question {
	q := question{label: in.Name, help: in.Description, standard: in.Default, optional: !in.Required, choices: in.Choices, only: len(in.Choices) > 0}
	if in.Rule != "" && len(in.Choices) == 0 {
		q.help = strings.TrimSpace(fmt.Sprintf("%s (%s)", q.help, in.Rule))
	}
	q.check = func(s string) error {
		var err error
		switch in.Type {
		case "integer":
			_, err = strconv.ParseInt(s, 10, 64)
		case "number":
			_, err = strconv.ParseFloat(s, 64)
		case "boolean":
			_, err = strconv.ParseBool(s)
		}
		if err != nil {
			return pave.BadField(in.Name, s, "is not of the type "+in.Type, "")
		}
		return nil
	}
	return q
}

// gapQuestions ask for what a repository does not say, by the flag that gives it.
var gapQuestions = map[string]question{
	"command": {label: "Start command", help: "the line that starts the service; ${PORT} is its port"},
	"build":   {label: "Build command", help: "a line that builds it, in place of all steps that are found"},
	"folder":  {label: "Folder", help: "of the program in the repository, such as services/api"},
	"port-as": {label: "Port variable or flag", help: "how the program takes its port, such as APP_PORT or --port"},
	"ready":   {label: "Health path", help: "a path that answers 200 once it can serve, or tcp"},
}

// askGaps asks for what the plan of an adoption is refused for, until it is not.
func (a *app) askGaps(ctx context.Context, in *adoptFlags) error {
	for range 2 * len(gapQuestions) {
		_, err := a.api().Plan(ctx, in.r)
		if pave.CodeOf(err) != pave.Invalid {
			return nil // what else is wrong is told by the command itself
		}
		asked, err := a.askGap(ctx, in, err)
		if err != nil || !asked {
			return err
		}
		in.r.Run = in.over
	}
	return nil
}

// askGap asks for the first value that an error names and that can be asked for.
func (a *app) askGap(ctx context.Context, in *adoptFlags, wrong error) (bool, error) {
	into := map[string]*string{"command": &in.over.Command, "folder": &in.over.Folder, "port-as": &in.over.Port, "ready": &in.over.Ready}
	for _, field := range fieldsOfError(wrong) {
		q, known := gapQuestions[field]
		if !known || field != "build" && *into[field] != "" || field == "build" && len(in.over.Build) > 0 {
			continue // it was given already, and is what is wrong
		}
		q.help = wrong.Error() + "\n" + q.help
		for line := range strings.SplitSeq(q.help, "\n") {
			fmt.Fprintf(a.err, "  %s\n", oneLine(line))
		}
		q.help = ""
		answer, err := a.askFor(ctx, q)
		if err != nil {
			return false, err
		}
		if field == "build" {
			in.over.Build = []string{answer}
		} else {
			*into[field] = answer
		}
		return true, nil
	}
	return false, nil
}
