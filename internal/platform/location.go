package platform

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/pave-platform/pave/internal/catalog"
	"github.com/pave-platform/pave/internal/catalog/entityfile"
	"github.com/pave-platform/pave/internal/store"
)

// follow notes the files that a Location names, so that they are read too: those of
// repositories of the same organisation, of their default branch. Which it does not
// follow it says, and why.
func (in intake) follow(ctx context.Context, f entityFile, e entityfile.Entity, s *said) ([]catalog.Fact, error) {
	var not []string
	for i, target := range e.Targets {
		if s.targets == maxTargets {
			not = append(not, fmt.Sprintf("%d more: the file names more than %d", len(e.Targets)-i, maxTargets))
			break
		}
		s.targets++
		to, why, err := in.target(ctx, f, target, s)
		if err != nil {
			return nil, err
		}
		if why != "" {
			not = append(not, target+": "+why)
			continue
		}
		s.named[to.at()] = true
		_, err = in.DB.Exec(ctx, `INSERT INTO entity_files (`+fileColumns+`, done, looked, seen, service, error)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, -1, 0, $9, '', '') ON CONFLICT DO NOTHING`,
			f.provider, f.org, to.repository, to.path, f.at(), to.branch, to.page, to.pushed, store.Micros(time.Now()))
		if err != nil {
			return nil, err
		}
	}
	if len(not) == 0 {
		return nil, nil
	}
	return []catalog.Fact{{Key: "not-followed", Value: cut(strings.Join(not, "; ")), Evidence: f.evidence()}}, nil
}

// target is the file that a Location means, or why it is not followed.
func (in intake) target(ctx context.Context, f entityFile, target string, s *said) (to entityFile, why string, err error) {
	if f.via != "" {
		return to, "a Location named this file itself", nil
	}
	if len(target) > maxValue || strings.Contains(target, "\x00") {
		return to, "no address", nil
	}
	if !strings.Contains(target, "://") {
		to = f
		to.path = path.Join(path.Dir(f.path), target)
		if !validFile(to.path) {
			return to, "no file within the repository", nil
		}
		return to, "", nil
	}
	if s.pages == nil {
		if s.pages, err = in.pages(ctx, f); err != nil {
			return to, "", err
		}
	}
	end, found := len(target), false
	for !found {
		if end = strings.LastIndexByte(target[:end], '/'); end < 0 {
			return to, "no repository of " + f.org, nil
		}
		to, found = s.pages[strings.ToLower(target[:end])]
	}
	rest, ok := inBranch(target[end+1:], to.branch)
	if !ok {
		return to, "no file of the branch " + to.branch, nil
	}
	if to.path = rest; !validFile(rest) {
		return to, "no file within the repository", nil
	}
	return to, "", nil
}

// pages are the repositories of the organisation of a file, by their page.
func (in intake) pages(ctx context.Context, f entityFile) (map[string]entityFile, error) {
	rows, err := in.DB.Query(ctx, `SELECT `+fileColumns+` FROM entity_files WHERE provider = $1 AND org = $2 AND via = ''`, f.provider, f.org)
	all, err := store.Collect(rows, err, scanFile)
	out := make(map[string]entityFile, len(all))
	for _, one := range all {
		out[strings.ToLower(one.page)] = one
	}
	return out, err
}

// inBranch is the path of a file in the address of its page, as GitHub, GitLab and Gitea
// write it behind that of the repository.
func inBranch(page, branch string) (file string, ok bool) {
	page = strings.TrimPrefix(page, "-/")
	for _, word := range []string{"blob/", "tree/", "raw/branch/", "raw/", "src/branch/"} {
		if rest, found := strings.CutPrefix(page, word); found {
			return strings.CutPrefix(rest, branch+"/")
		}
	}
	return "", false
}

// forgetTargets drops the files that Locations of a file named before and do no longer.
// Locations of others may name one of them too: those are read again.
func (p *Platform) forgetTargets(ctx context.Context, f entityFile, named map[string]bool) error {
	rows, err := p.DB.Query(ctx, `SELECT `+fileColumns+` FROM entity_files WHERE provider = $1 AND org = $2 AND via = $3`, f.provider, f.org, f.at())
	files, err := store.Collect(rows, err, scanFile)
	if err != nil {
		return err
	}
	dropped := false
	for _, old := range files {
		if named[old.at()] {
			continue
		}
		dropped = true
		if err := p.dropFiles(ctx, `provider = $1 AND org = $2 AND repository = $3 AND path = $4`, old.provider, old.org, old.repository, old.path); err != nil {
			return err
		}
	}
	if dropped {
		_, err = p.DB.Exec(ctx, `UPDATE entity_files SET done = -1 WHERE provider = $1 AND org = $2 AND via = '' AND EXISTS (SELECT 1 FROM entity_sources s
			WHERE s.provider = $1 AND s.org = $2 AND s.repository = entity_files.repository AND s.path = entity_files.path AND s.entity LIKE 'location:%')`, f.provider, f.org)
	}
	return err
}
