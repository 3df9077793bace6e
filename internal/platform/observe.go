package platform

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/catalog"
	"github.com/pave-platform/pave/internal/catalog/entityfile"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/workflow"
	"github.com/pave-platform/pave/internal/yamlsize"
	"sigs.k8s.io/yaml"
)

// catalogStep observes a service: its repository's contents, its newest release,
// its processes, databases and caches. Nobody declares any of it.
func (p *Platform) catalogStep(ctx context.Context, t *workflow.Task) (workflow.Result, error) {
	svc, rev, err := p.ofStep(ctx, t)
	if err != nil {
		return workflow.Result{}, err
	}
	seen, err := p.observeService(ctx, svc, rev)
	if t.Run.Parent != "" && pave.CodeOf(err) == pave.NotFound {
		// A restore brings processes back beside the repository; its run looks once all is there.
		return workflow.Result{Summary: "not all of it is there yet"}, nil
	}
	if err != nil {
		return workflow.Result{}, err
	}
	counts := map[string]int{}
	for _, o := range seen {
		if err := p.Catalog.Observe(ctx, o); err != nil {
			return workflow.Result{}, err
		}
		counts[o.Kind+"\x00"+o.Name] = 1
	}
	_, err = p.DB.Exec(ctx, `UPDATE creations SET live = $1 WHERE run = $2 AND live = 0`, store.Micros(time.Now()), t.Run.ID)
	return workflow.Result{Summary: countKinds(seen) + " discovered"}, err
}

// countKinds writes "1 component, 1 API, 2 databases".
func countKinds(seen []catalog.Observation) string {
	n := map[string]map[string]bool{}
	for _, o := range seen {
		if n[o.Kind] == nil {
			n[o.Kind] = map[string]bool{}
		}
		n[o.Kind][o.Name] = true
	}
	var parts []string
	for _, k := range []struct{ kind, word string }{{"component", "component"}, {"api", "API"}, {"database", "database"}, {"cache", "cache"},
		{"queue", "queue"}, {"bucket", "bucket"}} {
		switch c := len(n[k.kind]); {
		case c == 1:
			parts = append(parts, "1 "+k.word)
		case c > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", c, k.word))
		}
	}
	return strings.Join(parts, ", ")
}

// observeService looks at every source of facts about a service.
func (p *Platform) observeService(ctx context.Context, svc pave.Service, rev pave.Revision) ([]catalog.Observation, error) {
	name := string(svc.Name)
	base := catalog.Observation{Kind: "component", Name: name, Service: svc.ID, Owner: string(svc.Team)}
	resources, err := p.Resources.Observe(ctx, svc.ID, false)
	if err != nil {
		return nil, err
	}
	out, err := p.fromRepository(ctx, base, svc)
	if err != nil {
		return nil, err
	}
	rec, err := p.repositoryOf(ctx, svc)
	if err != nil {
		return nil, err
	}
	checks, err := p.fromChecks(ctx, svc, rec)
	if err != nil {
		return nil, err
	}
	out = append(out, checks...)
	if releases, err := p.Releases.List(ctx, svc.ID); err != nil {
		return nil, err
	} else if len(releases) > 0 {
		r := releases[0]
		run := base
		run.Source = "run"
		run.Facts = []catalog.Fact{{Key: "release", Value: fmt.Sprint(r.Number), Evidence: "run " + r.Run},
			{Key: "commit", Value: r.Commit, Evidence: "run " + r.Run}}
		out = append(out, run)
	}
	calls := base
	calls.Source = "router"
	if calls.Relations, err = p.callFacts(ctx, svc.ID); err != nil {
		return nil, err
	}
	return append(append(out, calls), p.fromResources(base, resources)...), nil
}

// fromResources turns observed processes, databases and caches into facts.
func (p *Platform) fromResources(base catalog.Observation, resources []pave.Resource) []catalog.Observation {
	proc := base
	proc.Source = "process"
	var out []catalog.Observation
	for _, r := range resources {
		if r.State != pave.ResourcePresent {
			continue
		}
		evidence := fmt.Sprintf("%s %s seen at %s", r.Provider, r.ExternalID, r.Observed.Format(time.RFC3339))
		switch r.Ref.Kind {
		case pave.KindDeployment:
			health := "not ready: " + r.Reason
			if r.Ready {
				health = "ready"
			}
			proc.Facts = append(proc.Facts, catalog.Fact{Key: "deployment." + string(r.Ref.Env), Value: health, Evidence: evidence})
		case pave.KindRoute:
			proc.Facts = append(proc.Facts, catalog.Fact{Key: "url." + string(r.Ref.Env),
				Value: p.Addresses.Service(r.Ref.Service, r.Ref.Env), Evidence: evidence})
		case pave.KindDatabase, pave.KindCache, pave.KindQueue, pave.KindBucket:
			backing := base
			backing.Kind, backing.Name, backing.Source = r.Ref.Kind, r.ExternalID, "resource"
			backing.Facts = []catalog.Fact{{Key: "engine", Value: r.Outputs["engine"], Evidence: evidence},
				{Key: "environment", Value: string(r.Ref.Env), Evidence: evidence}}
			out = append(out, backing)
			proc.Relations = append(proc.Relations, catalog.Relation{Kind: "uses",
				Target: catalog.Ref(r.Ref.Kind, r.ExternalID), Evidence: evidence})
		}
	}
	return append(out, proc)
}

// fromRepository reads the head commit. A file that cannot be read is an error on
// the entity it would describe, not of the step.
func (p *Platform) fromRepository(ctx context.Context, base catalog.Observation, svc pave.Service) ([]catalog.Observation, error) {
	commit, tree, err := p.headOf(ctx, svc)
	if err != nil {
		return nil, err
	}
	at := func(file string) string { return fmt.Sprintf("%s at %.7s", file, commit) }
	repo := base
	repo.Source = "repository"
	rev, err := p.revision(ctx, p.DB, svc.ID, svc.Revision)
	if err != nil {
		return nil, err
	}
	if pipe, err := p.seen.detect(svc.ID, commit, tree, rev.Wanted); err != nil {
		repo.Err = err.Error()
	} else if pipe.Language != "" {
		repo.Facts = append(repo.Facts, catalog.Fact{Key: "language", Value: pipe.Language, Evidence: at(pipe.Source())})
	}
	repo.Facts = append(repo.Facts, catalog.Fact{Key: "head", Value: commit, Evidence: "refs/heads/main"})
	var out []catalog.Observation
	for _, file := range []string{"openapi.yaml", "openapi.json", "api/openapi.yaml", "docs/openapi.yaml"} {
		api, ok := fromOpenAPI(tree, file, base)
		if !ok {
			continue
		}
		for i := range api.Facts {
			api.Facts[i].Evidence = at(file)
		}
		repo.Relations = append(repo.Relations, catalog.Relation{Kind: "provides", Target: catalog.Ref("api", api.Name), Evidence: at(file)})
		out = append(out, api)
	}
	rec, err := p.repositoryOf(ctx, svc)
	if err != nil {
		return nil, err
	}
	file, err := p.fromFile(ctx, base, rec, tree, at(entityfile.Name))
	return append(out, repo, file), err
}

// headOf is the newest commit of a service's main branch, and its files.
func (p *Platform) headOf(ctx context.Context, svc pave.Service) (commit string, tree fs.FS, err error) {
	rec, err := p.repositoryOf(ctx, svc)
	if err != nil {
		return "", nil, err
	}
	if commit, err = p.Repositories.Head(ctx, rec.ExternalID); err != nil {
		return "", nil, err
	}
	tree, err = p.Repositories.Tree(ctx, rec.ExternalID, commit)
	return commit, tree, err
}

// fromOpenAPI reads an API description, if the file is there.
func fromOpenAPI(tree fs.FS, file string, base catalog.Observation) (catalog.Observation, bool) {
	data, err := fs.ReadFile(tree, file)
	if errors.Is(err, fs.ErrNotExist) {
		return base, false
	}
	api := base
	api.Kind, api.Source = "api", "repository"
	if dir := path.Dir(file); dir != "." && dir != "api" && dir != "docs" {
		api.Name += "-" + dir
	}
	var doc struct {
		Info struct {
			Title   string `json:"title"`
			Version string `json:"version"`
		} `json:"info"`
		Paths map[string]any `json:"paths"`
	}
	if err == nil && len(data) > 1<<20 {
		err = fmt.Errorf("larger than 1 MiB")
	}
	if err == nil {
		err = yamlsize.Check(data)
	}
	if err == nil {
		err = yaml.Unmarshal(data, &doc)
	}
	if err != nil {
		api.Err = file + ": " + err.Error()
		return api, true
	}
	api.Facts = []catalog.Fact{{Key: "title", Value: doc.Info.Title}, {Key: "version", Value: doc.Info.Version},
		{Key: "paths", Value: fmt.Sprint(len(doc.Paths))}}
	return api, true
}

// countFiles counts the files of a commit.
func (p *Platform) countFiles(ctx context.Context, external, commit string) (int, error) {
	tree, err := p.Repositories.Tree(ctx, external, commit)
	if err != nil {
		return 0, err
	}
	n := 0
	err = fs.WalkDir(tree, ".", func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	})
	return n, err
}
