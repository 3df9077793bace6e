package workflow

import (
	"context"
	"encoding/json"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

// runRow is a row of runs: what others see, and what only the engine needs.
type runRow struct {
	pave.Run
	key        string
	canceledBy string // "" while nobody canceled it
}

// stepRow is a row of steps.
type stepRow struct {
	pave.Step
	run      string
	handler  string
	input    json.RawMessage
	team     string
	retry    Retry
	timeout  time.Duration
	always   bool
	failures int       // Unavailable errors since it last got on
	resumed  bool      // the next claim goes on with the same attempt
	awaits   awaits    // what it waits for
	signal   string    // name: awaited, or delivered with payload
	deadline time.Time // of the signal
	payload  json.RawMessage
}

// awaits says what a waiting step waits for.
type awaits string

const (
	awaitsSignal  awaits = "signal"
	awaitsRun     awaits = "run"
	awaitsHandler awaits = "handler" // this pave has no handler of the name
)

const selectRun = `SELECT id, kind, title, service, team, actor, parent, key, state, canceled, reason, hint, input,
	attempts, created, started, ended FROM runs`

func scanRun(s store.Scanner) (*runRow, error) {
	var r runRow
	err := s.Scan(&r.ID, &r.Kind, &r.Title, &r.Service, &r.Team, &r.Actor, &r.Parent, &r.key, &r.State, &r.canceledBy,
		&r.Reason, &r.Hint, store.JSON(&r.Input), &r.Attempts,
		store.Stamp(&r.Created), store.Stamp(&r.Started), store.Stamp(&r.Ended))
	if err != nil {
		return nil, err
	}
	return &r, nil
}

const selectStep = `SELECT run, key, position, title, handler, needs, input, team, retry_attempts, retry_base, retry_max,
	timeout, quiet, always, state, attempt, failures, resumed, run_at, started, ended, summary, reason, hint, output,
	awaits, child, signal, deadline, payload FROM steps`

func scanStep(sc store.Scanner) (*stepRow, error) {
	var s stepRow
	var needs json.RawMessage
	var base, limit, timeout int64
	err := sc.Scan(&s.run, &s.Key, &s.Position, &s.Title, &s.handler, store.JSON(&needs), store.JSON(&s.input), &s.team,
		&s.retry.Attempts, &base, &limit, &timeout, store.Flag(&s.Quiet), store.Flag(&s.always),
		&s.State, &s.Attempt, &s.failures, store.Flag(&s.resumed),
		store.Stamp(&s.RunAt), store.Stamp(&s.Started), store.Stamp(&s.Ended),
		&s.Summary, &s.Reason, &s.Hint, store.JSON(&s.Output),
		&s.awaits, &s.Child, &s.signal, store.Stamp(&s.deadline), store.JSON(&s.payload))
	if err != nil {
		return nil, err
	}
	s.retry.Base, s.retry.Max, s.timeout = micros(base), micros(limit), micros(timeout)
	return &s, json.Unmarshal(needs, &s.Needs)
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

func (w *work) lockRun(ctx context.Context, id string) (*runRow, error) {
	return scanRun(w.tx.QueryRow(ctx, selectRun+` WHERE id = $1`+w.tx.ForUpdate(), id))
}

// insertRun adds the run unless its id or key is taken.
func (w *work) insertRun(ctx context.Context, r *runRow) (fresh bool, err error) {
	n, err := w.tx.Exec(ctx, `INSERT INTO runs (id, kind, title, service, team, actor, parent, key, state, canceled,
		reason, hint, input, attempts, created, started, ended)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', '', '', $10, $11, $12, 0, 0) ON CONFLICT DO NOTHING`,
		r.ID, string(r.Kind), r.Title, r.Service, r.Team, r.Actor, r.Parent, r.key, string(r.State),
		r.Input, r.Attempts, r.Created)
	return n == 1, err
}

func (w *work) saveRun(ctx context.Context, r *runRow) error {
	_, err := w.tx.Exec(ctx, `UPDATE runs SET state = $2, canceled = $3, reason = $4, hint = $5, attempts = $6,
		started = $7, ended = $8 WHERE id = $1`,
		r.ID, string(r.State), r.canceledBy, r.Reason, r.Hint, r.Attempts, r.Started, r.Ended)
	return err
}

func (w *work) insertStep(ctx context.Context, s *stepRow) error {
	_, err := w.tx.Exec(ctx, `INSERT INTO steps (run, key, position, title, handler, needs, input, team, retry_attempts,
		retry_base, retry_max, timeout, quiet, always, state, attempt, failures, resumed, run_at, started, ended,
		summary, reason, hint, output, awaits, child, signal, deadline, payload)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
		0, 0, 0, 0, 0, 0, '', '', '', '', '', '', '', 0, '')`,
		s.run, s.Key, s.Position, s.Title, s.handler, needsJSON(s.Needs), s.input, s.team, s.retry.Attempts,
		s.retry.Base.Microseconds(), s.retry.Max.Microseconds(), s.timeout.Microseconds(), s.Quiet, s.always,
		string(s.State))
	return err
}

// saveStep writes what changes in the life of a step. The row must be locked (by
// steps) or have just been claimed.
func (w *work) saveStep(ctx context.Context, s *stepRow) error {
	_, err := w.tx.Exec(ctx, `UPDATE steps SET state = $3, attempt = $4, failures = $5, resumed = $6, run_at = $7,
		started = $8, ended = $9, summary = $10, reason = $11, hint = $12, output = $13, awaits = $14, child = $15,
		signal = $16, deadline = $17, payload = $18 WHERE run = $1 AND key = $2`,
		s.run, s.Key, string(s.State), s.Attempt, s.failures, s.resumed, s.RunAt,
		s.Started, s.Ended, s.Summary, s.Reason, s.Hint, s.Output, string(s.awaits), s.Child,
		s.signal, s.deadline, s.payload)
	return err
}

// steps returns the steps of a run in their order, locked against claims and
// wake-ups, which do not lock the run.
func (w *work) steps(ctx context.Context, run string) ([]*stepRow, error) {
	return querySteps(ctx, w.tx, ` WHERE run = $1 ORDER BY position`+w.tx.ForUpdate(), run)
}

func querySteps(ctx context.Context, q store.Querier, where string, args ...any) ([]*stepRow, error) {
	rows, err := q.Query(ctx, selectStep+where, args...)
	return store.Collect(rows, err, scanStep)
}

func queryRuns(ctx context.Context, q store.Querier, where string, args ...any) ([]*runRow, error) {
	rows, err := q.Query(ctx, selectRun+where, args...)
	return store.Collect(rows, err, scanRun)
}
