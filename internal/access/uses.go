package access

import (
	"context"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

// UsedCommand records that a pave command was used, once for each command run.
func (a *Access) UsedCommand(ctx context.Context, id, actor, command, version string) error {
	_, err := a.db.Exec(ctx, `INSERT INTO command_uses (id, at, actor, command, version) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (id) DO NOTHING`, id, store.Micros(time.Now()), actor, command, version)
	return err
}

// PruneUses forgets which commands were used before a time.
func (a *Access) PruneUses(ctx context.Context, before time.Time) error {
	_, err := a.db.Exec(ctx, `DELETE FROM command_uses WHERE at < $1`, before)
	return err
}

const week = 7 * 24 * time.Hour

// WeeksOfUse counts commands and who used them, for each of n weeks from a time on.
func (a *Access) WeeksOfUse(ctx context.Context, from time.Time, n int) ([]pave.AdoptionWeek, error) {
	out := make([]pave.AdoptionWeek, n)
	for i := range out {
		out[i].Start = from.Add(time.Duration(i) * week)
	}
	rows, err := a.db.Query(ctx, `SELECT week, COUNT(DISTINCT actor), COUNT(*) FROM
		(SELECT (at - $1) / $2 AS week, actor FROM command_uses WHERE at >= $1 AND at < $3) AS used GROUP BY week ORDER BY week`,
		store.Micros(from), week.Microseconds(), store.Micros(from.Add(time.Duration(n)*week)))
	_, err = store.Collect(rows, err, func(s store.Scanner) (i int, err error) {
		var users, commands int
		if err := s.Scan(&i, &users, &commands); err != nil {
			return i, err
		}
		out[i].Users, out[i].Commands = users, commands
		return i, nil
	})
	return out, err
}

// CommandsUsed counts each command that was used since a time, the most used first.
func (a *Access) CommandsUsed(ctx context.Context, since time.Time) ([]pave.CommandUse, error) {
	rows, err := a.db.Query(ctx, `SELECT command, COUNT(*), COUNT(DISTINCT actor), MAX(at) FROM command_uses
		WHERE at >= $1 GROUP BY command ORDER BY COUNT(*) DESC, command`, store.Micros(since))
	return store.Collect(rows, err, func(s store.Scanner) (u pave.CommandUse, err error) {
		var last int64
		err = s.Scan(&u.Command, &u.Uses, &u.Users, &last)
		u.Last = store.Time(last)
		return u, err
	})
}

// Newcomers returns when each user who came since a time was made, by id.
func (a *Access) Newcomers(ctx context.Context, since time.Time) (map[string]time.Time, error) {
	out := map[string]time.Time{}
	rows, err := a.db.Query(ctx, `SELECT id, created FROM users WHERE created >= $1`, store.Micros(since))
	_, err = store.Collect(rows, err, func(s store.Scanner) (id string, err error) {
		var created int64
		err = s.Scan(&id, &created)
		out[id] = store.Time(created)
		return id, err
	})
	return out, err
}
