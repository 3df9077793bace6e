package githost

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/resource"
)

// teamsNote is the note in the mirror that names the teams which had nothing at the
// repository before pave gave it to them, one a line.
const teamsNote = "host-teams"

// gives remembers a team that is about to be given the repository and has nothing there.
func (o one) gives(ctx context.Context, g Granter) error {
	has, err := g.Grants(ctx, o.r.ExternalID)
	if err != nil {
		return err
	}
	for team := range has {
		if strings.EqualFold(team, o.w.team) {
			return nil
		}
	}
	given, err := o.given()
	if err != nil || slices.Contains(given, o.w.team) {
		return err
	}
	return git.SetNote(o.Mirror.Place(o.r), teamsNote, strings.Join(append(given, o.w.team), "\n"))
}

func (o one) given() ([]string, error) {
	text, err := git.Note(o.Mirror.Place(o.r), teamsNote)
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' }), err
}

// letGo takes off what pave put on: webhooks, the access of teams that had none before, and
// last the markers, by which it is found again. Everything else is left to the people who
// have it.
func (o one) letGo(ctx context.Context, repo Repository) error {
	if h, ok := o.Host.(Hooker); ok {
		urls, err := o.hooksOfPave(ctx, h)
		if err == nil {
			err = o.dropHooks(ctx, h, urls)
		}
		if err != nil {
			return o.failed("take the webhooks off", err)
		}
	}
	if err := o.takeBack(ctx); err != nil {
		return o.failed("take the access of teams from", err)
	}
	topics := slices.DeleteFunc(slices.Clone(repo.Topics), func(t string) bool { return t == topic(o.r.ID) })
	if len(topics) == len(repo.Topics) {
		return nil
	}
	_, err := o.Change(ctx, repo.Name, Change{Topics: topics})
	if err != nil {
		return o.failed("let go of", err)
	}
	return nil
}

// hooksOfPave are the webhooks of the resource, and those of dead ones that lived in the
// repository before it: it has no other one that lives.
func (o one) hooksOfPave(ctx context.Context, h Hooker) ([]string, error) {
	prefix := ""
	if o.HookURL != nil {
		prefix = strings.TrimSuffix(o.HookURL(o.r), o.r.ID)
	}
	all, err := h.Hooks(ctx, o.r.ExternalID)
	return slices.DeleteFunc(all, func(url string) bool {
		id, ours := strings.CutPrefix(url, prefix)
		ours = ours && prefix != "" && strings.HasPrefix(id, "res_") && !strings.Contains(id, "/")
		return !ours && !strings.HasSuffix(url, "/"+o.r.ID)
	}), err
}

func (o one) takeBack(ctx context.Context) error {
	g, ok := o.Host.(Granter)
	given, err := o.given()
	if !ok || err != nil || len(given) == 0 {
		return err
	}
	for _, team := range given {
		if err := g.Revoke(ctx, o.r.ExternalID, team); err != nil {
			return err
		}
	}
	return git.SetNote(o.Mirror.Place(o.r), teamsNote, "")
}

// Leaves says of a repository that was adopted what letting go of it takes off, and what
// stays.
func (d *Driver) Leaves(ctx context.Context, r resource.Resource) (string, error) {
	o, err := d.at(ctx, r)
	if err != nil {
		return "", err
	}
	repo, aside, err := o.find(ctx)
	if err != nil && pave.CodeOf(err) != pave.NotFound || aside || !o.adopts(repo) {
		return "", err
	}
	off, err := o.off(ctx)
	if err != nil {
		return "", err
	}
	stays, err := o.staying(ctx)
	if err != nil {
		return "", err
	}
	text := "it stays on " + d.Vendor.Name() + ", and pave takes off " + strings.Join(off, ", ")
	if len(stays) > 0 {
		text += "; left to you, in the settings of " + repo.Page + ": " + strings.Join(stays, ", ")
	}
	return text, nil
}

func (o one) off(ctx context.Context) ([]string, error) {
	out := []string{"its mark"}
	if h, ok := o.Host.(Hooker); ok {
		urls, err := o.hooksOfPave(ctx, h)
		if err != nil {
			return nil, err
		}
		if len(urls) > 0 {
			out = append(out, fmt.Sprintf("its webhooks (%d)", len(urls)))
		}
	}
	given, err := o.given()
	for _, team := range given {
		out = append(out, "the access of team "+team)
	}
	return out, err
}

// staying is what cannot be told from what people made themselves.
func (o one) staying(ctx context.Context) (out []string, err error) {
	if p, ok := o.Host.(Protector); ok && o.w.protection.On {
		has, err := p.Protection(ctx, o.r.ExternalID, mainBranch)
		if err != nil {
			return nil, err
		}
		if has.On {
			out = append(out, "the protection of "+mainBranch)
		}
	}
	if g, ok := o.Host.(Granter); ok && o.w.team != "" {
		has, err := g.Grants(ctx, o.r.ExternalID)
		given, noted := o.given()
		if err = errors.Join(err, noted); err != nil {
			return nil, err
		}
		if has[o.w.team] != "" && !slices.Contains(given, o.w.team) {
			out = append(out, "the access of team "+o.w.team)
		}
	}
	if keys := slices.Sorted(maps.Keys(o.w.variables)); len(keys) > 0 {
		out = append(out, "the variables "+strings.Join(keys, ", "))
	}
	if keys := slices.Sorted(maps.Keys(o.w.secrets)); len(keys) > 0 {
		out = append(out, "the secrets "+strings.Join(keys, ", "))
	}
	return out, nil
}
