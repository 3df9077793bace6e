package platform

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/catalog"
	"github.com/pave-platform/pave/internal/catalog/entityfile"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/store"
)

// fromFile reads what the repository of a service says of the service in a
// catalog-info.yaml, where it has one; none is needed. Its Component of the name of the
// service is meant; what else there is it names.
func (p *Platform) fromFile(ctx context.Context, base catalog.Observation, rec resource.Record, tree fs.FS, at string) (catalog.Observation, error) {
	out := base
	out.Source = sourceFile
	text, err := fs.ReadFile(tree, entityfile.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		out.Err = entityfile.Name + ": " + err.Error()
		return out, nil
	}
	entities, wrong := entityfile.Parse(text)
	faults, others := []string{}, []string{}
	for _, err := range wrong {
		faults = append(faults, oneFault(entityFile{path: entityfile.Name}, err))
	}
	for _, e := range entities {
		if e.Ref().String() != catalog.Ref("component", base.Name) {
			others = append(others, e.Kind+" "+e.Ref().Path())
			continue
		}
		said := observed(e, at, func(entityfile.Ref) string { return "" })
		out.Facts = said.Facts
		for i, r := range e.Relations {
			said.Relations[i].Target, err = p.meant(ctx, rec.Provider, r.To)
			if err != nil {
				return out, err
			}
		}
		out.Relations = said.Relations
	}
	if len(others) > 0 {
		out.Facts = append(out.Facts, catalog.Fact{Key: "describes", Value: cut(strings.Join(others, ", ")), Evidence: at})
	}
	if len(faults) > maxFaults {
		faults = append(faults[:maxFaults], fmt.Sprintf("and %d more", len(faults)-maxFaults))
	}
	out.Fault = strings.Join(faults, "; ")
	return out, nil
}

// meant is what the catalog calls what the file of a service refers to: what a file of an
// organisation on the same host describes, or else of that name here.
func (p *Platform) meant(ctx context.Context, provider string, r entityfile.Ref) (string, error) {
	if r.Kind == "component" {
		svc, err := p.serviceMeant(ctx, r.Path())
		if err == nil {
			return catalog.Ref("component", string(svc.Name)), nil
		}
		if code := pave.CodeOf(err); code != pave.NotFound && code != pave.Invalid {
			return "", err
		}
	}
	rows, err := p.DB.Query(ctx, `SELECT ref FROM entity_sources WHERE provider = $1 AND entity = $2 ORDER BY org LIMIT 1`, provider, r.String())
	refs, err := store.Collect(rows, err, func(row store.Scanner) (ref string, err error) { return ref, row.Scan(&ref) })
	if err != nil || len(refs) == 0 {
		return r.String(), err
	}
	return refs[0], nil
}
