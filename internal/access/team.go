package access

import (
	"context"
	"errors"
	"strings"
	"time"

	pave "github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

// Teams returns the teams the caller may see, by name.
func (a *Access) Teams(ctx context.Context) ([]pave.Team, error) {
	rows, err := a.db.Query(ctx, `SELECT t.id, t.name, t.created,
		(SELECT COUNT(*) FROM members m WHERE m.team_id = t.id) FROM teams t ORDER BY t.name`)
	all, err := store.Collect(rows, err, func(s store.Scanner) (t pave.Team, err error) {
		return t, s.Scan(&t.ID, &t.Name, store.Stamp(&t.Created), &t.Members)
	})
	out := []pave.Team{}
	for _, t := range all {
		sees, serr := a.Sees(ctx, Team(t.Name))
		if serr != nil {
			return nil, serr
		}
		if sees {
			out = append(out, t)
		}
	}
	return out, err
}

// TeamNamed returns the team that has a name, or had it; ok is false if there is
// none. Name is what it is called now.
func (a *Access) TeamNamed(ctx context.Context, q store.Querier, name pave.Name) (pave.Team, bool, error) {
	var t pave.Team
	err := q.QueryRow(ctx, `SELECT id, name, created FROM teams WHERE name = $1
		OR id = (SELECT team_id FROM team_names WHERE name = $1) AND NOT EXISTS (SELECT 1 FROM teams WHERE name = $1)`, string(name)).
		Scan(&t.ID, &t.Name, store.Stamp(&t.Created))
	if errors.Is(err, errNoRows) {
		return pave.Team{Name: name}, false, nil
	}
	return t, err == nil, err
}

// teamFor returns a team that the caller may do something with; one they may not
// see is not found.
func (a *Access) teamFor(ctx context.Context, perm Permission, name string) (pave.Team, error) {
	parsed, err := pave.ParseName("team", name)
	if err != nil {
		return pave.Team{}, err
	}
	t, found, err := a.TeamNamed(ctx, a.db, parsed)
	if err != nil {
		return t, err
	}
	sees, err := a.Sees(ctx, Team(t.Name))
	if err != nil {
		return t, err
	}
	if !found || !sees {
		e := pave.Errorf(pave.NotFound, "no team %q", name).WithHint("pave list teams")
		all, err := a.Teams(ctx)
		if err != nil {
			return t, err
		}
		var names []string
		for _, other := range all {
			names = append(names, string(other.Name))
		}
		if near := pave.DidYouMean(name, names); near != "" {
			e = e.WithHint("did you mean %s?", near)
		}
		return t, e
	}
	return t, a.May(ctx, perm, Team(t.Name))
}

// TeamFor is the team of a name if the caller may do something with it.
func (a *Access) TeamFor(ctx context.Context, perm Permission, name string) (pave.Team, error) {
	return a.teamFor(ctx, perm, name)
}

// EnsureTeam makes a team with its first lead; there already is success. The run
// that makes it is kept, so that undoing that run can remove it.
func (a *Access) EnsureTeam(ctx context.Context, name pave.Name, lead, run string) (made bool, err error) {
	err = a.db.Tx(ctx, func(tx *store.Tx) error {
		if _, found, err := a.TeamNamed(ctx, tx, name); err != nil || found {
			return err
		}
		id := pave.NewID("team")
		n, err := tx.Exec(ctx, `INSERT INTO teams (id, name, run, created) VALUES ($1, $2, $3, $4)
			ON CONFLICT (name) DO NOTHING`, id, string(name), run, time.Now())
		if err != nil || n == 0 {
			return err
		}
		made = true
		return putMember(ctx, tx, id, lead, pave.RoleLead)
	})
	return made, err
}

// RemoveTeamMadeBy removes a team if this very run made it. The caller knows that
// it owns nothing any more.
func (a *Access) RemoveTeamMadeBy(ctx context.Context, name pave.Name, run string) (removed bool, err error) {
	err = a.db.Tx(ctx, func(tx *store.Tx) error {
		for _, table := range []string{"members", "team_names"} {
			_, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE team_id IN
				(SELECT id FROM teams WHERE name = $1 AND run = $2)`, string(name), run)
			if err != nil {
				return err
			}
		}
		n, err := tx.Exec(ctx, `DELETE FROM teams WHERE name = $1 AND run = $2`, string(name), run)
		removed = n > 0
		return err
	})
	return removed, err
}

// RenameTeamTx gives a team another name, in the transaction in which its owner
// changes what refers to it. The old name goes on meaning the team.
func (a *Access) RenameTeamTx(ctx context.Context, tx *store.Tx, t pave.Team, to pave.Name) error {
	if err := a.AuditTx(ctx, tx, "rename team", "team:"+string(t.Name), string(to)); err != nil {
		return err
	}
	if other, found, err := a.TeamNamed(ctx, tx, to); err != nil || found && other.ID != t.ID {
		if err == nil {
			err = pave.Errorf(pave.Conflict, "another team is or was called %q", to).WithHint("choose another name")
		}
		return err
	}
	for _, stmt := range []string{`DELETE FROM team_names WHERE name = $1 AND team_id = $2`, `UPDATE teams SET name = $1 WHERE id = $2`} {
		if _, err := tx.Exec(ctx, stmt, string(to), t.ID); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `INSERT INTO team_names (name, team_id) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, string(t.Name), t.ID)
	return err
}

// Members returns who is in a team, by name.
func (a *Access) Members(ctx context.Context, team string) ([]pave.Member, error) {
	t, err := a.teamFor(ctx, Read, team)
	if err != nil {
		return nil, err
	}
	rows, err := a.db.Query(ctx, `SELECT u.name, m.role FROM members m JOIN users u ON u.id = m.user_id
		WHERE m.team_id = $1 ORDER BY u.name`, t.ID)
	return store.Collect(rows, err, func(s store.Scanner) (pave.Member, error) {
		m := pave.Member{Team: t.Name}
		return m, s.Scan(&m.User, &m.Role)
	})
}

// SetMember gives a user a role in a team. A lead may give every role of theirs.
func (a *Access) SetMember(ctx context.Context, m pave.Member) error {
	t, err := a.teamFor(ctx, Lead, string(m.Team))
	if err != nil {
		return err
	}
	if err := checkRole(m.Role); err != nil {
		return err
	}
	u, err := userNamed(ctx, a.db, m.User)
	if err != nil {
		return err
	}
	return a.db.Tx(ctx, func(tx *store.Tx) error {
		if err := a.AuditTx(ctx, tx, "add member", "team:"+string(t.Name), strings.Join([]string{u.Name, m.Role}, " ")); err != nil {
			return err
		}
		return putMember(ctx, tx, t.ID, u.ID, m.Role)
	})
}

func putMember(ctx context.Context, tx *store.Tx, team, user, role string) error {
	_, err := tx.Exec(ctx, `INSERT INTO members (team_id, user_id, role) VALUES ($1, $2, $3)
		ON CONFLICT (team_id, user_id) DO UPDATE SET role = excluded.role`, team, user, role)
	return err
}

// RemoveMember takes a user out of a team.
func (a *Access) RemoveMember(ctx context.Context, team, user string) error {
	t, err := a.teamFor(ctx, Lead, team)
	if err != nil {
		return err
	}
	u, err := userNamed(ctx, a.db, user)
	if err != nil {
		return err
	}
	return a.db.Tx(ctx, func(tx *store.Tx) error {
		if err := a.AuditTx(ctx, tx, "remove member", "team:"+string(t.Name), u.Name); err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `DELETE FROM members WHERE team_id = $1 AND user_id = $2`, t.ID, u.ID)
		if err == nil && n == 0 {
			err = pave.Errorf(pave.NotFound, "%s is not in team %s", u.Name, t.Name).WithHint("pave list members --team %s", t.Name)
		}
		return err
	})
}
