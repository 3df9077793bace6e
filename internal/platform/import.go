package platform

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/catalog"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/store"
)

// entityRepository is the kind of what the catalog knows of a repository on a host.
const entityRepository = "repository"

// importEvery is how often an organisation that was imported is looked at again.
const importEvery = time.Hour

// Import lets the catalog know the repositories of an organisation on a git host. None
// becomes a service by it: adopt does that. Those it does not have any more are gone.
func (p *Platform) Import(ctx context.Context, r pave.ImportRequest) (pave.Imported, error) {
	if err := p.Access.May(ctx, access.Admin, access.Platform); err != nil {
		return pave.Imported{}, err
	}
	if err := filesWanted(&r); err != nil {
		return pave.Imported{}, err
	}
	answers := time.Now().Add(answerWithin)
	out, err := p.organisation(ctx, r, true)
	if err != nil {
		return out, err
	}
	r.Org = out.Org
	signIn, err := p.signIn(ctx, r, true)
	if err != nil {
		return out, err
	}
	binding, err := json.Marshal(signIn)
	if err != nil {
		return out, err
	}
	err = p.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := p.Access.AuditTx(ctx, tx, "import", "organisation:"+out.Provider+"/"+out.Org, ""); err != nil {
			return err
		}
		allow := strings.Join(r.Allow, ",")
		_, err := tx.Exec(ctx, `UPDATE entity_files SET done = -1 WHERE provider = $1 AND org = $2 AND EXISTS
			(SELECT 1 FROM imports i WHERE i.provider = $3 AND i.org = $4 AND i.allow <> $5)`, r.Provider, r.Org, r.Provider, r.Org, allow)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO imports (provider, org, looked, error, entity_file, allow, binding) VALUES ($1, $2, $3, '', $4, $5, $6)
			ON CONFLICT (provider, org) DO UPDATE SET looked = excluded.looked, error = '', entity_file = excluded.entity_file, allow = excluded.allow,
				binding = excluded.binding`,
			r.Provider, r.Org, store.Micros(time.Now()), fileKept(r), allow, string(binding))
		return err
	})
	if err != nil {
		return out, err
	}
	if err := p.observeOrganisation(ctx, r, &out); err != nil {
		return out, err
	}
	return out, p.readSome(ctx, r, &out, answers)
}

// readSome reads files for as long as a command may wait for that.
func (p *Platform) readSome(ctx context.Context, r pave.ImportRequest, out *pave.Imported, answers time.Time) (err error) {
	if r.EntityFile == noFile {
		return nil
	}
	out.EntityFile, out.Allow = r.EntityFile, r.Allow
	out.Read, err = p.readFiles(ctx, r, len(out.Repositories)+maxTargets, min(readAtOnce, time.Until(answers)))
	if err := p.filesSaid(ctx, out); err != nil {
		return err
	}
	if err != nil {
		out.Faults = append(out.Faults, pave.ImportFault{Error: "reading ended: " + err.Error()})
	}
	return nil
}

// organisation asks a host what an organisation has; asked: somebody wants it now.
func (p *Platform) organisation(ctx context.Context, r pave.ImportRequest, asked bool) (pave.Imported, error) {
	out := pave.Imported{Provider: r.Provider, Org: r.Org, Services: []pave.Name{}}
	importer, opened, err := p.importer(ctx, r, asked)
	if err != nil {
		return out, err
	}
	if out.Org == "" {
		out.Org = opened.Settings["org"]
	}
	out.Repositories, err = importer.Repositories(ctx, opened, out.Org)
	return out, err
}

// importer is what knows the organisations of a host, and the binding that signs in there.
func (p *Platform) importer(ctx context.Context, r pave.ImportRequest, asked bool) (resource.Importer, resource.Opened, error) {
	importer, ok := resource.As[resource.Importer](p.Resources.Drivers[pave.KindRepository][r.Provider])
	if !ok {
		return nil, resource.Opened{}, pave.BadField("provider", r.Provider, "has no organisations", "pave list providers, those of kind repository")
	}
	signIn, err := p.signIn(ctx, r, asked)
	if err != nil {
		return nil, resource.Opened{}, err
	}
	opened, err := signIn.Open(ctx, p.Vault)
	return importer, opened, err
}

// signIn is how a host lets us in: by the binding that an organisation was imported by, with
// what that says by now. Where new repositories are made on another server, also one of the
// same provider, it stays with its own, until somebody who asks imports it from there.
func (p *Platform) signIn(ctx context.Context, r pave.ImportRequest, asked bool) (resource.Bound, error) {
	bindings, err := p.bindings(ctx)
	if err != nil {
		return resource.Bound{}, err
	}
	rows, err := p.DB.Query(ctx, `SELECT binding FROM imports WHERE provider = $1 AND org = $2 AND binding <> ''`, r.Provider, r.Org)
	kept, err := store.Collect(rows, err, func(row store.Scanner) (b resource.Bound, err error) {
		text := ""
		if err = row.Scan(&text); err == nil {
			err = json.Unmarshal([]byte(text), &b)
		}
		return b, err
	})
	now := bindings[""][pave.KindRepository]
	switch {
	case err != nil:
		return resource.Bound{}, err
	case now.Provider == r.Provider && (asked || len(kept) == 0 || kept[0].Settings["url"] == now.Settings["url"]):
		return resource.Bound{Settings: now.Settings, Secrets: now.Secrets}, nil
	case len(kept) > 0:
		return kept[0], nil
	}
	return resource.Bound{}, pave.Errorf(pave.Invalid, "%s is not bound: pave cannot sign in there", r.Provider).
		WithHint("pave bind default repository %s --org NAME --secret token", r.Provider)
}

// observeOrganisation tells the catalog what an organisation has, and notes the files that
// there may be.
func (p *Platform) observeOrganisation(ctx context.Context, r pave.ImportRequest, in *pave.Imported) error {
	if err := p.trackFiles(ctx, r, *in); err != nil {
		return err
	}
	began := time.Now()
	names, err := p.keptOn(ctx, in.Provider)
	if err != nil {
		return err
	}
	for _, r := range in.Repositories {
		o := p.fromHost(in, r)
		if svc, ok := names[strings.ToLower(strings.TrimSuffix(r.Address, ".git"))]; ok {
			in.Services = append(in.Services, svc)
			o.Relations = append(o.Relations, catalog.Relation{Kind: "holds", Target: catalog.Ref("component", string(svc)), Evidence: r.Page})
		}
		if err := p.Catalog.Observe(ctx, o); err != nil {
			return err
		}
	}
	gone, err := p.Catalog.Unseen(ctx, entityRepository, in.Provider+":"+in.Org+"/", began)
	in.Gone = int(gone)
	return err
}

// fromHost turns what a host says of a repository into facts.
func (p *Platform) fromHost(in *pave.Imported, r pave.HostRepository) catalog.Observation {
	o := catalog.Observation{Kind: entityRepository, Name: in.Provider + ":" + in.Org + "/" + r.Name, Source: in.Provider}
	fact := func(key, value string) {
		if value != "" {
			o.Facts = append(o.Facts, catalog.Fact{Key: key, Value: value, Evidence: r.Page})
		}
	}
	fact("address", r.Address)
	fact("branch", r.Branch)
	fact("description", r.Description)
	fact("language", r.Language)
	fact("topics", strings.Join(r.Topics, ", "))
	fact("visibility", r.Visibility)
	if r.Archived {
		fact("archived", "true")
	}
	if !r.Pushed.IsZero() {
		fact("pushed", r.Pushed.UTC().Format(time.RFC3339))
	}
	return o
}

// keptOn are the services whose repository a provider has, by the address of it.
func (p *Platform) keptOn(ctx context.Context, provider string) (map[string]pave.Name, error) {
	records, err := p.Resources.List(ctx, p.DB, "")
	out := map[string]pave.Name{}
	for _, r := range records {
		if r.Ref.Kind == pave.KindRepository && r.Provider == provider && r.State == pave.ResourcePresent {
			out[strings.ToLower(strings.TrimSuffix(r.Outputs["address"], ".git"))] = r.Ref.Service
		}
	}
	return out, err
}

// refreshImports looks at organisations again that were imported. What a host does not
// answer keeps its last facts.
func (p *Platform) refreshImports(ctx context.Context) error {
	due, err := p.imports(ctx, time.Now().Add(-importEvery))
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range due {
		found, err := p.organisation(ctx, r, false)
		if err == nil {
			err = p.observeOrganisation(ctx, r, &found)
		}
		said := ""
		if err != nil {
			said = err.Error()
			errs = append(errs, pave.Errorf(pave.CodeOf(err), "look at %s/%s: %w", r.Provider, r.Org, err))
		}
		if _, err := p.DB.Exec(ctx, `UPDATE imports SET looked = $1, error = $2 WHERE provider = $3 AND org = $4`,
			store.Micros(time.Now()), said, r.Provider, r.Org); err != nil {
			return err
		}
	}
	return errors.Join(errs...)
}

// imports are those that were looked at before a time.
func (p *Platform) imports(ctx context.Context, before time.Time) ([]pave.ImportRequest, error) {
	rows, err := p.DB.Query(ctx, `SELECT provider, org, entity_file, allow FROM imports WHERE looked < $1`, store.Micros(before))
	return store.Collect(rows, err, func(row store.Scanner) (r pave.ImportRequest, err error) {
		allow := ""
		err = row.Scan(&r.Provider, &r.Org, &r.EntityFile, &allow)
		r.Allow = strings.Split(allow, ",")
		return r, err
	})
}
