package githost

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
)

// A part is one thing about a repository that is to be so.
type part struct {
	name string
	// differs says in words how it is otherwise; "" is that it is so.
	differs func(ctx context.Context) (string, error)
	mend    func(ctx context.Context) error
	// always: what it is cannot be read, so Apply sets it each time.
	always bool
}

// settle makes a repository as it is to be, part by part. Each looks first.
func (o one) settle(ctx context.Context, repo Repository) (Repository, error) {
	if err := o.adorn(ctx, &repo); err != nil {
		return repo, o.failed("describe", err)
	}
	if err := o.contents(ctx); err != nil {
		return repo, o.failed("fill", err)
	}
	for _, p := range o.parts(&repo) {
		text, err := p.differs(ctx)
		if err == nil && (text != "" || p.always) {
			err = p.mend(ctx)
		}
		if err != nil {
			return repo, o.failed(p.name, err)
		}
	}
	return repo, nil
}

func (o one) failed(what string, err error) error {
	return pave.Errorf(pave.CodeOf(err), "%s repository %s: %w", what, o.r.ExternalID, err).WithHint("%s", pave.HintOf(err))
}

// adorn sets the topic that is the marker and, once it is there, takes the mark out of
// the description. The description stays as people wrote it otherwise.
func (o one) adorn(ctx context.Context, repo *Repository) error {
	topics := repo.Topics
	for _, t := range append([]string{topic(o.r.ID)}, o.w.topics...) {
		if !slices.Contains(topics, t) {
			topics = append(slices.Clone(topics), t)
		}
	}
	if len(topics) > len(repo.Topics) {
		if err := o.set(ctx, repo, Change{Topics: topics}); err != nil {
			return err
		}
		repo.Topics = topics
	}
	if clean := unmarked(repo.Description, o.r.ID); clean != repo.Description {
		return o.set(ctx, repo, Change{Description: &clean})
	}
	return nil
}

func (o one) set(ctx context.Context, repo *Repository, c Change) error {
	changed, err := o.Change(ctx, o.r.ExternalID, c)
	switch {
	case err == nil:
		*repo = changed
	case pave.CodeOf(err) == pave.NotFound: // a host takes back what it was stopped in making
		return pave.Errorf(pave.Unavailable, "it went away meanwhile: %w", err)
	}
	return err
}

// parts are what Apply makes good and Drift looks at.
func (o one) parts(repo *Repository) []part {
	out := []part{o.archived(repo), o.visible(repo), o.branch(repo)}
	if o.adopts(*repo) { // who may see it is what its people decided
		out = []part{o.archived(repo), o.branch(repo)}
	}
	if g, ok := o.Host.(Granter); ok && o.w.team != "" {
		out = append(out, o.grant(g))
	}
	if e, ok := o.Host.(Environer); ok && len(o.w.envs) > 0 {
		out = append(out, o.environments(e))
	}
	if v, ok := o.Host.(Valuer); ok {
		if len(o.w.variables) > 0 {
			out = append(out, o.variables(v))
		}
		if len(o.w.secrets) > 0 {
			out = append(out, o.secrets(v))
		}
	}
	if h, ok := o.Host.(Hooker); ok && o.HookURL != nil && o.HookURL(o.r) != "" {
		out = append(out, o.hook(h))
	}
	if p, ok := o.Host.(Protector); ok && o.w.protection.On { // last: it may refuse our own push
		out = append(out, o.protection(p))
	}
	return out
}

func (o one) archived(repo *Repository) part {
	return part{name: "unarchive", differs: func(context.Context) (string, error) {
		if repo.Archived {
			return "it is archived", nil
		}
		return "", nil
	}, mend: func(ctx context.Context) error {
		no := false
		return o.set(ctx, repo, Change{Archived: &no})
	}}
}

func (o one) visible(repo *Repository) part {
	return part{name: "set visibility of", differs: func(context.Context) (string, error) {
		if repo.Visibility != o.w.visibility {
			return fmt.Sprintf("it is %s, not %s", repo.Visibility, o.w.visibility), nil
		}
		return "", nil
	}, mend: func(ctx context.Context) error { return o.set(ctx, repo, Change{Visibility: &o.w.visibility}) }}
}

func (o one) branch(repo *Repository) part {
	return part{name: "set default branch of", differs: func(ctx context.Context) (string, error) {
		if repo.DefaultBranch == mainBranch {
			return "", nil
		}
		return fmt.Sprintf("its default branch is %q", repo.DefaultBranch), nil
	}, mend: func(ctx context.Context) error {
		name := mainBranch
		return o.set(ctx, repo, Change{DefaultBranch: &name})
	}}
}

// weight orders roles.
var weight = map[string]int{"read": 1, "write": 2, "admin": 3}

func (o one) grant(g Granter) part {
	return part{name: "grant team " + o.w.team, differs: func(ctx context.Context) (string, error) {
		has, err := g.Grants(ctx, o.r.ExternalID)
		if err == nil && weight[has[o.w.team]] < weight[o.w.role] {
			return fmt.Sprintf("team %s may not %s", o.w.team, o.w.role), nil
		}
		return "", err
	}, mend: func(ctx context.Context) error {
		err := g.Grant(ctx, o.r.ExternalID, o.w.team, o.w.role)
		if pave.CodeOf(err) == pave.NotFound {
			return o.noTeam()
		}
		return err
	}}
}

// knowsTeam says before anything is made that the team of the service is not there.
func (o one) knowsTeam(ctx context.Context) error {
	g, ok := o.Host.(Granter)
	if !ok || o.w.team == "" {
		return nil
	}
	err := g.CheckTeam(ctx, o.w.team, o.w.role)
	if pave.CodeOf(err) == pave.NotFound {
		return pave.Errorf(pave.Invalid, "the organisation has no team %s on %s", o.w.team, o.Vendor.Name()).
			WithHint("make it there, or name another: pave bind default repository %s --set teams=%s=TEAM (or teams=none)", o.Vendor.Name(), o.w.spec.Team)
	}
	return err
}

func (o one) noTeam() error {
	return pave.Errorf(pave.Invalid, "the organisation has no team %s on %s", o.w.team, o.Vendor.Name()).
		WithHint("make it there, then pave retry the run; or pave undo the run, pave bind default repository %s --set teams=%s=TEAM (or teams=none), and create again", o.Vendor.Name(), o.w.spec.Team)
}

func (o one) environments(e Environer) part {
	var lacks []string
	return part{name: "make environments of", differs: func(ctx context.Context) (string, error) {
		has, err := e.Environments(ctx, o.r.ExternalID)
		lacks = slices.DeleteFunc(slices.Clone(o.w.envs), func(env string) bool { return slices.Contains(has, env) })
		return missing("environment", lacks), err
	}, mend: func(ctx context.Context) error {
		for _, env := range lacks {
			if err := e.AddEnvironment(ctx, o.r.ExternalID, env); err != nil {
				return err
			}
		}
		return nil
	}}
}

func missing(what string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "it lacks " + what + " " + strings.Join(names, ", ")
}

func (o one) variables(v Valuer) part {
	var lacks []string
	return part{name: "set variables of", differs: func(ctx context.Context) (string, error) {
		has, err := v.Variables(ctx, o.r.ExternalID, "")
		lacks = nil
		for _, key := range slices.Sorted(maps.Keys(o.w.variables)) {
			if has[key] != o.w.variables[key] {
				lacks = append(lacks, key)
			}
		}
		return missing("variable", lacks), err
	}, mend: func(ctx context.Context) error {
		for _, key := range lacks {
			if err := v.SetVariable(ctx, o.r.ExternalID, "", key, o.w.variables[key]); err != nil {
				return err
			}
		}
		return nil
	}}
}

func (o one) secrets(v Valuer) part {
	return part{name: "set secrets of", always: true, differs: func(ctx context.Context) (string, error) {
		has, err := v.SecretNames(ctx, o.r.ExternalID, "")
		lacks := slices.DeleteFunc(slices.Sorted(maps.Keys(o.w.secrets)), func(key string) bool { return slices.Contains(has, key) })
		if err != nil || len(lacks) > 0 {
			return missing("secret", lacks), err
		}
		last, err := git.Note(o.Mirror.Place(o.r), secretsNote)
		if err == nil && last != "" && last != o.secretsMark() { // a mirror out of a backup knows none
			return "its secrets have not the values of the binding", nil
		}
		return "", err
	}, mend: func(ctx context.Context) error {
		for _, key := range slices.Sorted(maps.Keys(o.w.secrets)) {
			if err := v.SetSecret(ctx, o.r.ExternalID, "", key, o.w.secrets[key]); err != nil {
				return err
			}
		}
		return git.SetNote(o.Mirror.Place(o.r), secretsNote, o.secretsMark())
	}}
}

// secretsNote is the note in the mirror that tells the values which were set last from
// others: a host shows none.
const secretsNote = "host-secrets"

func (o one) secretsMark() string {
	mac := hmac.New(sha256.New, []byte(o.Derive("values of a git host", o.r.ID).Reveal()))
	for _, key := range slices.Sorted(maps.Keys(o.w.secrets)) {
		fmt.Fprintf(mac, "%q=%q\n", key, o.w.secrets[key].Reveal())
	}
	return hex.EncodeToString(mac.Sum(nil))
}

func (o one) hook(h Hooker) part {
	want := Hook{URL: o.HookURL(o.r), Active: true}
	return part{name: "set webhook of", always: true, differs: func(ctx context.Context) (string, error) {
		has, err := h.Hook(ctx, o.r.ExternalID, want.URL)
		switch {
		case pave.CodeOf(err) == pave.NotFound:
			return "its webhook is gone, so that pushes are found late", nil
		case err == nil && !has.Active:
			return "its webhook is off, so that pushes are found late", nil
		}
		return "", err
	}, mend: func(ctx context.Context) error { return h.SetHook(ctx, o.r.ExternalID, want, o.hookSecret()) }}
}

// hookSecret is what calls about the resource are signed with.
func (o one) hookSecret() pave.Secret { return o.Derive("webhook of a git host", o.r.ID) }

func (o one) protection(p Protector) part {
	want := o.w.protection
	return part{name: "protect main of", differs: func(ctx context.Context) (string, error) {
		has, err := p.Protection(ctx, o.r.ExternalID, mainBranch)
		switch {
		case err != nil:
			return "", err
		case !has.On:
			return "main is not protected", nil
		case has.Unable != "":
			return "", nil
		case has.Reviews < want.Reviews:
			return fmt.Sprintf("main needs %d reviews, not %d", has.Reviews, want.Reviews), nil
		case want.CodeOwner && !has.CodeOwner:
			return "main needs no review by an owner of the code", nil
		}
		return "", nil
	}, mend: func(ctx context.Context) error { return p.Protect(ctx, o.r.ExternalID, mainBranch, want) }}
}
