// Package release knows what was built of a service, where it lies on disk, and
// which of it was brought to which environment.
package release

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	pave "github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

// Keep is how many releases of a service stay on disk beside those that serve.
const Keep = 5

// Releases answers from the tables releases and rollouts and the folder of trees.
type Releases struct {
	db  *store.DB
	dir string
}

// New returns the releases of a store, with their trees in dir/ID.
func New(db *store.DB, dir string) *Releases { return &Releases{db, dir} }

// Add records the release a pipeline built and moves its tree in place. It may be
// called again by the same run: the release is the same, its tree is moved once.
func (s *Releases) Add(ctx context.Context, r pave.Release, tree string) (pave.Release, error) {
	command, err := json.Marshal(r.Command)
	if err != nil {
		return r, err
	}
	err = s.db.Tx(ctx, func(tx *store.Tx) error {
		have, err := s.one(tx.QueryRow(ctx, `SELECT `+columns+` FROM releases WHERE run = $1`, r.Run))
		if err == nil {
			r = have
			return nil
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		var last sql.NullInt64
		if err := tx.QueryRow(ctx, `SELECT MAX(number) FROM releases WHERE service = $1`, r.Service).Scan(&last); err != nil {
			return err
		}
		r.ID, r.Number, r.Created = pave.NewID("rel"), int(last.Int64)+1, time.Now().UTC()
		_, err = tx.Exec(ctx, `INSERT INTO releases (id, service, number, commit_id, command, ready, run, pruned, created)
			VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8)`,
			r.ID, r.Service, r.Number, r.Commit, string(command), r.Ready, r.Run, store.Micros(r.Created))
		return err
	})
	if err != nil {
		return r, err
	}
	r.Dir = s.path(r.ID)
	if _, err := os.Stat(r.Dir); err == nil {
		return r, nil
	}
	if err := os.MkdirAll(s.dir, 0o711); err != nil {
		return r, err
	}
	if err := os.Rename(tree, r.Dir); err != nil {
		return r, pave.Errorf(pave.Internal, "keep release %d of %s: %w", r.Number, r.Service, err)
	}
	return r, nil
}

func (s *Releases) path(id string) string { return filepath.Join(s.dir, id) }

const columns = `id, service, number, commit_id, command, ready, run, created`

func (s *Releases) one(row interface{ Scan(...any) error }) (pave.Release, error) {
	var r pave.Release
	var command string
	var created int64
	err := row.Scan(&r.ID, &r.Service, &r.Number, &r.Commit, &command, &r.Ready, &r.Run, &created)
	if err != nil {
		return r, err
	}
	r.Created, r.Dir = store.Time(created), s.path(r.ID)
	return r, json.Unmarshal([]byte(command), &r.Command)
}

// List returns the releases of a service (by id), newest first, with the
// environments they serve in.
func (s *Releases) List(ctx context.Context, service string) ([]pave.Release, error) {
	rows, err := s.db.Query(ctx, `SELECT `+columns+` FROM releases WHERE service = $1 ORDER BY number DESC LIMIT 200`, service)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []pave.Release{}
	for rows.Next() {
		r, err := s.one(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	live, err := s.Live(ctx, service)
	for env, l := range live {
		for i := range out {
			if out[i].ID == l.ID {
				out[i].Live = append(out[i].Live, env)
			}
		}
	}
	return out, err
}

// Get returns the release of an id.
func (s *Releases) Get(ctx context.Context, id string) (pave.Release, error) {
	r, err := s.one(s.db.QueryRow(ctx, `SELECT `+columns+` FROM releases WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return r, pave.Errorf(pave.NotFound, "no release %q", id)
	}
	return r, err
}

// Find returns the release of a service by id or its prefix, number, commit
// prefix, or "" for the newest. Invalid where it is none of them.
func (s *Releases) Find(ctx context.Context, service, name string) (pave.Release, error) {
	all, err := s.List(ctx, service)
	if err != nil {
		return pave.Release{}, err
	}
	if len(all) == 0 {
		return pave.Release{}, pave.Errorf(pave.NotFound, "nothing was built yet").WithHint("git push, or pave get runs shows why not")
	}
	if name == "" {
		return all[0], nil
	}
	n, _ := strconv.Atoi(name)
	for _, r := range all {
		if r.Number == n || r.ID == name || pave.IsIDPrefix("rel", name) && strings.HasPrefix(r.ID, name) ||
			len(name) >= 7 && strings.HasPrefix(r.Commit, name) {
			return s.whole(r)
		}
	}
	return pave.Release{}, pave.BadField("release", name, "is no release of this service",
		fmt.Sprintf("the newest is %d; pave list releases --service NAME shows them", all[0].Number))
}

// whole returns r if its tree is still there.
func (s *Releases) whole(r pave.Release) (pave.Release, error) {
	if _, err := os.Stat(r.Dir); errors.Is(err, fs.ErrNotExist) {
		return r, pave.Errorf(pave.Conflict, "release %d is no longer kept", r.Number).
			WithHint("push commit %.7s again to build it", r.Commit)
	}
	return r, nil
}

// Begin records that a run brings a release to an environment, and which one was
// there before; start is the run that restarted it last. It may be called again.
func (s *Releases) Begin(ctx context.Context, tx *store.Tx, run, parent, service string, env pave.Name, release, start string) error {
	before, _, err := s.liveIn(ctx, tx, service, env)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO rollouts (run, parent, service, env, release, before, start, done, created)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8) ON CONFLICT (run) DO NOTHING`,
		run, parent, service, string(env), release, before, start, store.Micros(time.Now()))
	return err
}

// End records that the release of a rollout serves.
func (s *Releases) End(ctx context.Context, run string) error {
	_, err := s.db.Exec(ctx, `UPDATE rollouts SET done = $1 WHERE run = $2 AND done = 0`, store.Micros(time.Now()), run)
	return err
}

// Rollout is one row of what was brought where.
type Rollout struct {
	Run, Parent, Service, Release, Before string
	Env                                   pave.Name
	Done                                  time.Time
}

// RolloutOf returns the rollout a run is, or that it started.
func (s *Releases) RolloutOf(ctx context.Context, run string) (Rollout, error) {
	var r Rollout
	var done int64
	err := s.db.QueryRow(ctx, `SELECT run, parent, service, env, release, before, done FROM rollouts
		WHERE run = $1 OR parent = $2 ORDER BY created DESC LIMIT 1`, run, run).
		Scan(&r.Run, &r.Parent, &r.Service, &r.Env, &r.Release, &r.Before, &done)
	r.Done = store.Time(done)
	if errors.Is(err, sql.ErrNoRows) {
		return r, pave.Errorf(pave.NotFound, "run %s brought no release anywhere", run)
	}
	return r, err
}

// Live returns the release that serves in each environment of a service.
func (s *Releases) Live(ctx context.Context, service string) (map[pave.Name]pave.Release, error) {
	out := map[pave.Name]pave.Release{}
	err := s.eachLive(ctx, service, func(env pave.Name, release, _ string) (err error) {
		out[env], err = s.Get(ctx, release)
		return err
	})
	return out, err
}

// Starts returns the run that restarted what serves, by environment; those that
// were never restarted are not in it.
func (s *Releases) Starts(ctx context.Context, service string) (map[pave.Name]string, error) {
	out := map[pave.Name]string{}
	err := s.eachLive(ctx, service, func(env pave.Name, _, start string) error {
		if start != "" {
			out[env] = start
		}
		return nil
	})
	return out, err
}

func (s *Releases) eachLive(ctx context.Context, service string, visit func(env pave.Name, release, start string) error) error {
	rows, err := s.db.Query(ctx, `SELECT DISTINCT env FROM rollouts WHERE service = $1`, service)
	envs, err := store.Collect(rows, err, func(row store.Scanner) (env pave.Name, err error) { return env, row.Scan(&env) })
	if err != nil {
		return err
	}
	for _, env := range envs {
		id, start, err := s.liveIn(ctx, s.db, service, env)
		if err == nil && id != "" {
			err = visit(env, id, start)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Before returns the newest release older than one that has served in an
// environment. NotFound where there is none.
func (s *Releases) Before(ctx context.Context, service string, env pave.Name, number int) (pave.Release, error) {
	var id string
	err := s.db.QueryRow(ctx, `SELECT o.release FROM rollouts o JOIN releases r ON r.id = o.release
		WHERE o.service = $1 AND o.env = $2 AND o.done > 0 AND r.number < $3 ORDER BY r.number DESC LIMIT 1`,
		service, string(env), number).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return pave.Release{}, pave.Errorf(pave.NotFound, "no release before %d has served in %s", number, env)
	}
	if err != nil {
		return pave.Release{}, err
	}
	r, err := s.Get(ctx, id)
	if err != nil {
		return r, err
	}
	return s.whole(r)
}

// Served reports whether a release has served in an environment.
func (s *Releases) Served(ctx context.Context, service string, env pave.Name, release string) (bool, error) {
	var n int
	err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM rollouts WHERE service = $1 AND env = $2 AND release = $3 AND done > 0`,
		service, string(env), release).Scan(&n)
	return n > 0, err
}

func (s *Releases) liveIn(ctx context.Context, q store.Querier, service string, env pave.Name) (release, start string, err error) {
	err = q.QueryRow(ctx, `SELECT release, start FROM rollouts WHERE service = $1 AND env = $2 AND done > 0
		ORDER BY done DESC LIMIT 1`, service, string(env)).Scan(&release, &start)
	if errors.Is(err, sql.ErrNoRows) {
		return "", "", nil
	}
	return release, start, err
}

// Prune removes the trees of releases that are neither among the newest Keep of
// their service nor live.
func (s *Releases) Prune(ctx context.Context, service string) error {
	all, err := s.List(ctx, service)
	if err != nil {
		return err
	}
	for i, r := range all {
		if i < Keep || len(r.Live) > 0 {
			continue
		}
		if err := os.RemoveAll(r.Dir); err != nil {
			return err
		}
		if _, err := s.db.Exec(ctx, `UPDATE releases SET pruned = 1 WHERE id = $1`, r.ID); err != nil {
			return err
		}
	}
	return nil
}
