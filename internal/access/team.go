package access

import (
	"context"
	"database/sql"
	"errors"
	"time"

	pave "github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

// Teams returns all teams by name.
func (a *Access) Teams(ctx context.Context) ([]pave.Team, error) {
	rows, err := a.db.Query(ctx, `SELECT t.id, t.name, t.created,
		(SELECT COUNT(*) FROM members m WHERE m.team_id = t.id) FROM teams t ORDER BY t.name`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []pave.Team{}
	for rows.Next() {
		var t pave.Team
		var created int64
		if err := rows.Scan(&t.ID, &t.Name, &created, &t.Members); err != nil {
			return nil, err
		}
		t.Created = store.Time(created)
		out = append(out, t)
	}
	return out, rows.Err()
}

// TeamNamed returns the team of a name; ok is false if there is none.
func (a *Access) TeamNamed(ctx context.Context, q store.Querier, name pave.Name) (pave.Team, bool, error) {
	t := pave.Team{Name: name}
	var created int64
	err := q.QueryRow(ctx, `SELECT id, created FROM teams WHERE name = $1`, string(name)).Scan(&t.ID, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return t, false, nil
	}
	t.Created = store.Time(created)
	return t, err == nil, err
}

// EnsureTeam makes a team with its first lead; there already is success. The run
// that makes it is kept, so that undoing that run can remove it.
func (a *Access) EnsureTeam(ctx context.Context, name pave.Name, lead, run string) (made bool, err error) {
	err = a.db.Tx(ctx, func(tx *store.Tx) error {
		now := store.Micros(time.Now())
		id := pave.NewID("team")
		n, err := tx.Exec(ctx, `INSERT INTO teams (id, name, run, created) VALUES ($1, $2, $3, $4)
			ON CONFLICT (name) DO NOTHING`, id, string(name), run, now)
		if err != nil || n == 0 {
			return err
		}
		made = true
		_, err = tx.Exec(ctx, `INSERT INTO members (team_id, user_id, role) VALUES ($1, $2, 'lead')`, id, lead)
		return err
	})
	return made, err
}

// RemoveTeamMadeBy removes a team if this very run made it. The caller knows that
// it owns nothing any more.
func (a *Access) RemoveTeamMadeBy(ctx context.Context, name pave.Name, run string) (removed bool, err error) {
	err = a.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM members WHERE team_id IN
			(SELECT id FROM teams WHERE name = $1 AND run = $2)`, string(name), run)
		if err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `DELETE FROM teams WHERE name = $1 AND run = $2`, string(name), run)
		removed = n > 0
		return err
	})
	return removed, err
}
