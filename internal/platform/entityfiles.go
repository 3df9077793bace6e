package platform

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/catalog/entityfile"
	"github.com/pave-platform/pave/internal/store"
)

const (
	// readAtOnce bounds how long an import reads files before it answers; the rest is
	// read by Upkeep.
	readAtOnce = 20 * time.Second
	// answerWithin leaves out of that what a large organisation took to list.
	answerWithin = 80 * time.Second
	// readRound and roundFiles bound one round of Upkeep, one a minute: an hour of them
	// stays under half of what GitHub allows a token.
	readRound  = 10 * time.Second
	roundFiles = 40
	// readers is how many files are read at the same time.
	readers = 6
	// settled is how long after a push a file is read once more: hosts say with a
	// delay, and GitLab hourly only, when that was.
	settled = 2 * time.Hour
	// unknownPush is how often a file is read where the host does not say.
	unknownPush = 24 * time.Hour
	// failing ends a round after so many files that the host did not give out.
	failing = 3
)

// noFile is how people say that no files are to be read.
const noFile = "none"

// An entityFile is one of a repository of an organisation that may describe entities.
type entityFile struct {
	provider, org, repository, path string
	via                             string // the file with the Location that names it
	branch, page                    string
	pushed                          int64
}

func (f entityFile) at() string { return f.repository + ":" + f.path }

// evidence is where what it says can be seen.
func (f entityFile) evidence() string { return f.page + " " + f.path + " at " + f.branch }

const fileColumns = `provider, org, repository, path, via, branch, page, pushed`

func scanFile(row store.Scanner) (f entityFile, err error) {
	return f, row.Scan(&f.provider, &f.org, &f.repository, &f.path, &f.via, &f.branch, &f.page, &f.pushed)
}

// filesWanted fills in what an import does not say about files, and checks the rest.
func filesWanted(r *pave.ImportRequest) error {
	switch {
	case r.EntityFile == "":
		r.EntityFile = entityfile.Name
	case r.EntityFile == noFile:
	case !validFile(r.EntityFile):
		return pave.BadField("entity_file", r.EntityFile, "is no path within a repository", "for example --entity-file catalog-info.yaml, or none")
	}
	if len(r.Allow) == 0 {
		r.Allow = entityfile.Allowed
	}
	allow := []string{}
	for _, kind := range r.Allow {
		i := slices.IndexFunc(entityfile.Kinds, func(k string) bool { return strings.EqualFold(k, kind) })
		if i < 0 {
			return pave.BadField("allow", kind, "is no kind of entity", "of "+strings.Join(entityfile.Kinds, ","))
		}
		allow = append(allow, entityfile.Kinds[i])
	}
	r.Allow = allow
	return nil
}

// fileKept is how an import is kept: "" is that no files are read, as with those that
// were made before files could be.
func fileKept(r pave.ImportRequest) string {
	if r.EntityFile == noFile {
		return ""
	}
	return r.EntityFile
}

// trackFiles notes which files of an organisation there may be, and forgets those of
// repositories that are gone. It comes before the look at the repositories themselves,
// which then are gone too.
func (p *Platform) trackFiles(ctx context.Context, r pave.ImportRequest, found pave.Imported) error {
	now := store.Micros(time.Now())
	if r.EntityFile == noFile || r.EntityFile == "" {
		return p.dropFiles(ctx, `provider = $1 AND org = $2`, r.Provider, found.Org)
	}
	names, err := p.keptOn(ctx, r.Provider)
	if err != nil {
		return err
	}
	err = p.DB.Tx(ctx, func(tx *store.Tx) error {
		for _, repo := range found.Repositories {
			if repo.Branch == "" { // nothing was pushed yet
				continue
			}
			_, err := tx.Exec(ctx, `INSERT INTO entity_files (`+fileColumns+`, done, looked, seen, service, error)
				VALUES ($1, $2, $3, $4, '', $5, $6, $7, -1, 0, $8, $9, '')
				ON CONFLICT (provider, org, repository, path) DO UPDATE SET via = '', branch = excluded.branch, page = excluded.page,
					pushed = excluded.pushed, seen = excluded.seen, service = excluded.service,
					done = CASE WHEN entity_files.service <> excluded.service THEN -1 ELSE entity_files.done END`,
				r.Provider, found.Org, repo.Name, r.EntityFile, repo.Branch, repo.Page, pushedAt(repo), now, string(names[strings.ToLower(repo.Page)]))
			if err != nil {
				return err
			}
		}
		// Those that Locations name lie in the same repositories.
		_, err := tx.Exec(ctx, `UPDATE entity_files SET seen = $1, pushed = COALESCE((SELECT MAX(o.pushed) FROM entity_files o
				WHERE o.provider = $2 AND o.org = $3 AND o.repository = entity_files.repository AND o.path = $4), pushed)
			WHERE provider = $2 AND org = $3 AND via <> '' AND EXISTS (SELECT 1 FROM entity_files o
				WHERE o.provider = $2 AND o.org = $3 AND o.repository = entity_files.repository AND o.path = $4 AND o.seen = $1)`,
			now, r.Provider, found.Org, r.EntityFile)
		return err
	})
	if err != nil {
		return err
	}
	return p.dropFiles(ctx, `provider = $1 AND org = $2 AND seen < $3`, r.Provider, found.Org, now)
}

func pushedAt(r pave.HostRepository) int64 {
	if r.Pushed.IsZero() {
		return 0
	}
	return store.Micros(r.Pushed)
}

// dueFiles are the next ones to read: those never read first, and what failed last.
func (p *Platform) dueFiles(ctx context.Context, provider, org string, most int) ([]entityFile, error) {
	where, args := dueWhere(provider, org)
	rows, err := p.DB.Query(ctx, `SELECT `+fileColumns+` FROM entity_files WHERE `+where+` ORDER BY looked, pushed DESC, repository, path LIMIT $6`, append(args, most)...)
	return store.Collect(rows, err, scanFile)
}

// dueWhere is what makes a file due.
func dueWhere(provider, org string) (where string, args []any) {
	now := time.Now()
	return `provider = $1 AND org = $2 AND (done < pushed OR pushed > 0 AND looked < pushed + $3 AND pushed + $3 < $4 OR pushed = 0 AND looked < $5)`,
		[]any{provider, org, settled.Microseconds(), store.Micros(now), store.Micros(now.Add(-unknownPush))}
}

// readFiles reads files of an organisation that are due, at most so many within a time,
// and takes in what they say. What the host does not give out stays due.
func (p *Platform) readFiles(ctx context.Context, r pave.ImportRequest, most int, within time.Duration) (n int, err error) {
	importer, opened, err := p.importer(ctx, r, false)
	if err != nil {
		return 0, err
	}
	names, err := p.keptOn(ctx, r.Provider)
	if err != nil {
		return 0, err
	}
	in := intake{Platform: p, allow: r.Allow, kept: names}
	ends, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for failed := 0; n < most && failed < failing && ends.Err() == nil; {
		due, err := p.dueFiles(ctx, r.Provider, r.Org, min(readers, most-n))
		if err != nil || len(due) == 0 {
			return n, err
		}
		texts, errs := make([][]byte, len(due)), make([]error, len(due))
		var group sync.WaitGroup
		for i, f := range due {
			group.Go(func() { texts[i], errs[i] = importer.File(ends, opened, f.org, f.repository, f.branch, f.path) })
		}
		group.Wait()
		taken := false
		for i, f := range due {
			if taken && ends.Err() != nil {
				return n, nil // the rest stays due; one at least is taken in each time
			}
			if errs[i] != nil && ends.Err() != nil {
				continue
			}
			if err := in.take(ctx, f, texts[i], errs[i]); err != nil {
				return n, err
			}
			taken = true
			switch pave.CodeOf(errs[i]) {
			case "", pave.NotFound, pave.Invalid:
				n++
			default:
				if failed++; failed == failing {
					return n, errs[i]
				}
			}
		}
	}
	return n, nil
}

// readEntityFiles is one round of reading files that organisations have.
func (p *Platform) readEntityFiles(ctx context.Context) error {
	imports, err := p.imports(ctx, time.Now())
	if err != nil {
		return err
	}
	var errs []error
	deadline := time.Now().Add(readRound)
	for _, r := range imports {
		if r.EntityFile == "" || time.Now().After(deadline) {
			continue
		}
		due, err := p.dueFiles(ctx, r.Provider, r.Org, 1)
		if err != nil {
			return err
		}
		if len(due) == 0 {
			continue
		}
		_, err = p.readFiles(ctx, r, roundFiles, time.Until(deadline))
		if err != nil && pave.CodeOf(err) != pave.Invalid { // of a host that is not bound now the hourly look tells
			errs = append(errs, pave.Errorf(pave.CodeOf(err), "read %s of %s/%s: %w", r.EntityFile, r.Provider, r.Org, err))
		}
	}
	return errors.Join(errs...)
}

// filesSaid adds to what an import came to what the files say.
func (p *Platform) filesSaid(ctx context.Context, out *pave.Imported) error {
	where, args := dueWhere(out.Provider, out.Org)
	if err := p.DB.QueryRow(ctx, `SELECT COUNT(*) FROM entity_files WHERE `+where, args...).Scan(&out.Waiting); err != nil {
		return err
	}
	row := p.DB.QueryRow(ctx, `SELECT COUNT(*), COUNT(DISTINCT repository) FROM entity_sources WHERE provider = $1 AND org = $2`, out.Provider, out.Org)
	if err := row.Scan(&out.Entities, &out.Described); err != nil {
		return err
	}
	rows, err := p.DB.Query(ctx, `SELECT repository, error FROM entity_files WHERE provider = $1 AND org = $2 AND error <> '' ORDER BY repository, path LIMIT 100`,
		out.Provider, out.Org)
	out.Faults, err = store.Collect(rows, err, func(row store.Scanner) (f pave.ImportFault, err error) {
		return f, row.Scan(&f.Repository, &f.Error)
	})
	return err
}
