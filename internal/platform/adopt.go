package platform

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/pipeline"
	"github.com/pave-platform/pave/internal/store"
)

// keepSources is how long what was brought is kept, for plans to be applied and for
// runs that stopped.
const keepSources = 7 * 24 * time.Hour

// resolveAdopt: nothing -> revision 1 with the history of a repository that was
// brought; for a service of the same commit, what create does with one of the same
// template.
func (p *Platform) resolveAdopt(ctx context.Context, r pave.Adopt) (transition, error) {
	ad, err := p.adoption(ctx, r)
	if err != nil {
		return transition{}, err
	}
	svc, err := p.serviceCalled(ctx, string(ad.name))
	if pave.CodeOf(err) == pave.NotFound {
		also, err := p.alsoAdopted(ctx, ad.want)
		if err != nil {
			return transition{}, err
		}
		tr, err := p.createNew(ctx, r.Verb(), r.Team, ad.name, ad.want)
		tr.findings, tr.notes = findings(ad.pipe, ad.kept), append(also, ad.notes...)
		return tr, err
	}
	if err != nil {
		return transition{}, err
	}
	tr, again, err := p.adoptAgain(ctx, r.Verb(), svc, ad)
	if err != nil || again {
		return tr, err
	}
	return p.createMore(ctx, r.Verb(), svc, ad.want)
}

// An adoption is what a request to adopt comes to.
type adoption struct {
	name  pave.Name
	want  pave.Wanted
	kept  pave.Repository
	pipe  pipeline.Pipeline
	notes []string
}

// adoption validates every input, reads the repository, and says what is wanted.
func (p *Platform) adoption(ctx context.Context, r pave.Adopt) (adoption, error) {
	var bad problems
	var err error
	ad := adoption{want: pave.Wanted{Settings: pave.Settings{Replicas: pave.DefaultReplicas}}}
	ad.name, err = pave.ParseName("name", r.Name)
	bad.add(err)
	ad.want.Team, err = pave.ParseName("team", r.Team)
	bad.add(err)
	ad.want.Environments, err = p.environmentsNamed(ctx, r.Environments)
	if err != nil && !bad.add(err) {
		return ad, err
	}
	for _, name := range slices.Sorted(maps.Keys(r.Variables)) {
		bad.add(pave.CheckVariable(name))
	}
	if ad.kept, err = p.Shelf.Find(r.Source); err != nil {
		if !bad.add(err) {
			return ad, err
		}
		return ad, bad.err()
	}
	ad.want.Adopted = &pave.Adopted{Source: ad.kept.ID, Address: ad.kept.Address, Branch: ad.kept.Branch, Commit: ad.kept.Commit}
	over := pave.Override{}
	if r.Run != nil {
		over = *r.Run
	}
	over.Folder = cmp.Or(over.Folder, ad.kept.Folder)
	bad.add(pipeline.CheckOverride(over))
	if over.Set() {
		ad.want.Run = &over
	}
	tree, err := p.Shelf.Tree(ctx, ad.kept.ID, ad.kept.Commit)
	if err != nil {
		return ad, err
	}
	if err := bad.err(); err != nil {
		return ad, err
	}
	if ad.pipe, err = detect(tree, ad.want); err != nil {
		return ad, err
	}
	if err := p.adoptedSettings(ctx, r, &ad, &bad); err != nil {
		return ad, err
	}
	ad.notes = slices.Concat(sourceNotes(ad.kept, tree), []string{howItRuns(ad.pipe)}, gapNotes(ad.pipe), p.missingTools(ad.pipe), unmet(ad.pipe, ad.want))
	return ad, bad.err()
}

// adoptedSettings adds what the code needs and what was given: backings, secrets and
// variables.
func (p *Platform) adoptedSettings(ctx context.Context, r pave.Adopt, ad *adoption, bad *problems) error {
	for _, kind := range pave.BackingKinds {
		engine, err := engineOf(nil, kind, cmp.Or(r.Engine(kind), needed(ad.pipe, kind)))
		bad.add(err)
		if r.Engine(kind) == "" && bringsGiven(r, pave.WantedBacking{Kind: kind, Engine: engine}) {
			continue // it is reached elsewhere, by what was given
		}
		if engine != "" {
			ad.want.Resources = append(ad.want.Resources, pave.WantedBacking{Kind: kind, Name: ad.name, Engine: engine})
		}
	}
	ad.want.Settings.Secrets = r.Secrets
	ad.want.Variables = variablesOf(ad.pipe, ad.want, r.Variables)
	for _, name := range slices.Sorted(maps.Keys(r.Secrets)) {
		if err := p.checkSealed(ctx, *ad, name, r.Secrets[name]); err != nil && !bad.add(err) {
			return err
		}
	}
	check := transition{from: ad.want, service: pave.Service{Name: ad.name}}
	for _, name := range slices.Sorted(maps.Keys(r.Variables)) {
		bad.add(checkValue(check, name, r.Variables[name]))
	}
	return nil
}

// bringsGiven reports whether a backing would bring a variable that was given.
func bringsGiven(r pave.Adopt, b pave.WantedBacking) bool {
	return b.Engine != "" && slices.ContainsFunc(b.Variables(), func(v pave.BackingVariable) bool {
		_, variable := r.Variables[v.Name]
		_, secret := r.Secrets[v.Name]
		return variable || secret
	})
}

// needed is the engine of a kind that the code speaks to and that can be had here.
func needed(pipe pipeline.Pipeline, kind string) string {
	for _, n := range pipe.Needs {
		if n.Kind == kind && slices.Contains(pave.EnginesOf(kind), n.Engine) {
			return n.Engine
		}
	}
	return ""
}

// missingTools are programs that the pipeline or the service needs and that are not on
// this machine.
func (p *Platform) missingTools(pipe pipeline.Pipeline) []string {
	var out []string
	for _, tool := range pipe.Tools {
		if err := p.Pipeline.Jobs.Look(tool); err != nil {
			out = append(out, fmt.Sprintf("%s; the pipeline stops before anything is built: %s", err.Error(), pave.HintOf(err)))
		}
	}
	return out
}

// gapNotes are what the repository does not say, and that is no hindrance.
func gapNotes(pipe pipeline.Pipeline) []string {
	var out []string
	for _, g := range pipe.Gaps {
		if text := g.What; !g.Fatal {
			if g.Flag != "" {
				text += "; if that is not so, give " + g.Flag
			}
			out = append(out, text)
		}
	}
	return out
}

// templateOf is what a service was made from.
func templateOf(w pave.Wanted) string {
	if w.Adopted != nil {
		return pave.AdoptedTemplate
	}
	return strings.TrimSpace(w.Template + " " + w.Version)
}

func orAdopted(w pave.Wanted) string {
	if w.Adopted != nil {
		return pave.AdoptedTemplate
	}
	return w.Template
}

// commitOf is the commit a service was adopted at, "none" for one of a template.
func commitOf(w pave.Wanted) string {
	if w.Adopted == nil {
		return "none"
	}
	return w.Adopted.Commit
}

// FetchRepository brings the history of a repository at an address, for an Adopt.
func (p *Platform) FetchRepository(ctx context.Context, address, revision string) (pave.Repository, error) {
	actor, err := p.bringing(ctx, address)
	if err != nil {
		return pave.Repository{}, err
	}
	return p.Shelf.Fetch(ctx, address, revision, actor)
}

// SendRepository keeps a history that the caller sends, for an Adopt.
func (p *Platform) SendRepository(ctx context.Context, r pave.Repository, pack io.Reader) (pave.Repository, error) {
	actor, err := p.bringing(ctx, r.Address)
	if err != nil {
		return r, err
	}
	return p.Shelf.Receive(ctx, r, actor, pack)
}

// SealForRepository keeps a value for a secret of the service that is to be made of a
// repository.
func (p *Platform) SealForRepository(ctx context.Context, id, name string, value pave.Secret) (pave.SealedValue, error) {
	if err := pave.CheckVariable(name); err != nil {
		return pave.SealedValue{}, err
	}
	if _, err := p.Shelf.Find(id); err != nil {
		return pave.SealedValue{}, err
	}
	return p.seal(ctx, id, "repository:"+clip(id, 60), name, value)
}

// checkSealed is Invalid where a value was not sealed for a name of this repository, or
// the name is a variable too.
func (p *Platform) checkSealed(ctx context.Context, ad adoption, name, value string) error {
	var of, sealed string
	err := p.DB.QueryRow(ctx, `SELECT service, name FROM sealed_values WHERE id = $1`, value).Scan(&of, &sealed)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	taken := of != ad.kept.ID // where the plan was applied already it is its service's
	if svc, err := p.serviceCalled(ctx, string(ad.name)); err == nil && of == svc.ID {
		taken = false
	}
	if taken || sealed != name {
		return pave.BadField("secret", name, "has no value that was sealed for it", "--secret "+name)
	}
	if _, both := ad.want.Variables[name]; both {
		return pave.BadField("secret", name, "is a variable too", "leave --set "+name+" out")
	}
	return nil
}

// bringing writes down who brings a repository.
func (p *Platform) bringing(ctx context.Context, address string) (actor string, err error) {
	who, _ := pave.PrincipalFrom(ctx)
	return who.User.ID, p.DB.Tx(ctx, func(tx *store.Tx) error {
		return p.Access.AuditTx(ctx, tx, "bring repository", "repository:"+clip(address, 200), "")
	})
}
