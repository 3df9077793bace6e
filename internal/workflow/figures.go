package workflow

import (
	"context"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

// Ended returns, without input and steps, the runs of a kind that were made since a
// time and have ended, the oldest first; parent "" are those that no run started.
// Runs are kept for 90 days.
func (e *Engine) Ended(ctx context.Context, kind pave.RunKind, since time.Time) ([]pave.Run, error) {
	rows, err := e.db.Query(ctx, `SELECT id, title, actor, parent, state, created, ended FROM runs
		WHERE kind = $1 AND created >= $2 AND ended > 0 ORDER BY created, id`, string(kind), store.Micros(since))
	return store.Collect(rows, err, func(s store.Scanner) (r pave.Run, err error) {
		var created, ended int64
		err = s.Scan(&r.ID, &r.Title, &r.Actor, &r.Parent, &r.State, &created, &ended)
		r.Kind, r.Created, r.Ended = kind, store.Time(created), store.Time(ended)
		return r, err
	})
}
