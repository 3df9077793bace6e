package resource

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	pave "github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

// Record is one row of the journal.
type Record struct {
	ID         string
	Service    string // service id
	Ref        pave.Ref
	Provider   string
	ExternalID string
	State      pave.ResourceState
	Spec       json.RawMessage // as last applied; as planned before
	Outputs    map[string]string
	SecretKeys []string
	Version    string
	Ready      bool
	Reason     string
	Observed   time.Time
	Run        string
	Actor      string
	Created    time.Time
	KeptUntil  time.Time
	Drift      []string
	DriftSince time.Time

	sealed string // base64 of the sealed secret outputs
}

// Live reports whether the resource is, or is about to be, in use.
func (r Record) Live() bool {
	return r.State == pave.ResourcePlanned || r.State == pave.ResourcePresent
}

// View is the record as people see it.
func (r Record) View() pave.Resource {
	return pave.Resource{ID: r.ID, Ref: r.Ref, Provider: r.Provider, ExternalID: r.ExternalID, State: r.State,
		Ready: r.Ready, Reason: r.Reason, Observed: r.Observed, Outputs: r.Outputs, SecretKeys: r.SecretKeys,
		Run: r.Run, KeptUntil: r.KeptUntil, Drift: r.Drift, DriftSince: r.DriftSince}
}

// Sealer seals and opens secret outputs.
type Sealer interface {
	Seal(pave.Secret) ([]byte, error)
	Open([]byte) (pave.Secret, error)
}

// Journal is the record of every resource and of every effect outside. It owns
// the tables resources and effects.
type Journal struct {
	db   *store.DB
	seal Sealer
}

// NewJournal returns the journal in db; secret outputs are sealed by s.
func NewJournal(db *store.DB, s Sealer) *Journal { return &Journal{db, s} }

const columns = `id, service, ref, provider, external_id, state, spec, outputs, secrets, secret_keys,
	version, ready, reason, observed, run, actor, created, kept_until, drift, drifted`

// List returns the records of a service ("" for all) that are not gone, oldest
// first.
func (j *Journal) List(ctx context.Context, q store.Querier, service string) ([]Record, error) {
	rows, err := q.Query(ctx, `SELECT `+columns+` FROM resources
		WHERE state <> 'gone' AND (service = $1 OR $2 = '') ORDER BY id`, service, service)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Record
	for rows.Next() {
		r, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// Get returns one record, gone ones too. NotFound if there is none.
func (j *Journal) Get(ctx context.Context, q store.Querier, id string) (Record, error) {
	r, err := scan(q.QueryRow(ctx, `SELECT `+columns+` FROM resources WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return r, pave.Errorf(pave.NotFound, "no resource %q", id)
	}
	return r, err
}

// Live returns the record of a service's ref that is in use or about to be.
// NotFound if there is none.
func (j *Journal) Live(ctx context.Context, q store.Querier, service string, ref pave.Ref) (Record, error) {
	r, err := scan(q.QueryRow(ctx, `SELECT `+columns+` FROM resources
		WHERE service = $1 AND ref = $2 AND state IN ('planned', 'present')`, service, ref.String()))
	if !errors.Is(err, sql.ErrNoRows) {
		return r, err
	}
	all, err := j.List(ctx, q, service)
	if err != nil {
		return r, err
	}
	for _, r := range all {
		if r.Live() && same(ref, r.Ref) {
			return r, nil
		}
	}
	return r, pave.Errorf(pave.NotFound, "no resource %s", ref)
}

func scan(row interface{ Scan(...any) error }) (Record, error) {
	var r Record
	var ref, spec, outputs, keys, drift string
	var ready, observed, created, kept, drifted int64
	err := row.Scan(&r.ID, &r.Service, &ref, &r.Provider, &r.ExternalID, &r.State, &spec, &outputs, &r.sealed,
		&keys, &r.Version, &ready, &r.Reason, &observed, &r.Run, &r.Actor, &created, &kept, &drift, &drifted)
	if err != nil {
		return r, err
	}
	r.Ready, r.Spec = ready != 0, json.RawMessage(spec)
	r.Observed, r.Created, r.KeptUntil, r.DriftSince = store.Time(observed), store.Time(created), store.Time(kept), store.Time(drifted)
	if r.Ref, err = pave.ParseRef(ref); err != nil {
		return r, err
	}
	return r, errors.Join(json.Unmarshal([]byte(outputs), &r.Outputs), json.Unmarshal([]byte(keys), &r.SecretKeys),
		json.Unmarshal([]byte(drift), &r.Drift))
}

// Ensure returns the live record for a node of a service, or gives it an id and
// a name outside, frozen from here on, and the spec it is to have: what a run that stops
// leaves half made is found by it, and taken back. It is called in the transaction that
// starts the run.
func (j *Journal) Ensure(ctx context.Context, tx *store.Tx, service string, n Node, run, actor string) (Record, error) {
	r, err := j.Live(ctx, tx, service, n.Ref)
	if pave.CodeOf(err) != pave.NotFound {
		return r, err
	}
	external, err := j.free(ctx, tx, n.Ref)
	if err != nil {
		return r, err
	}
	r = Record{ID: pave.NewID("res"), Service: service, Ref: n.Ref, Provider: n.Provider,
		ExternalID: external, State: pave.ResourcePlanned, Spec: n.Spec,
		Run: run, Actor: actor, Created: time.Now()}
	_, err = tx.Exec(ctx, `INSERT INTO resources (id, service, ref, kind, provider, external_id, state, spec,
		outputs, secrets, secret_keys, version, ready, reason, observed, run, actor, created, kept_until)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '{}', '', '[]', '', 0, '', 0, $9, $10, $11, 0)`,
		r.ID, service, n.Ref.String(), n.Ref.Kind, n.Provider, r.ExternalID, string(r.State), string(n.Spec), run, actor,
		store.Micros(r.Created))
	return r, err
}

// intend writes the journal row of an effect before it happens. done tells that
// the effect of this step was recorded already: it only has to be observed.
func (j *Journal) intend(ctx context.Context, r Record, run, step, action, actor string) (done bool, err error) {
	err = j.db.Tx(ctx, func(tx *store.Tx) error {
		var at int64
		err := tx.QueryRow(ctx, `SELECT done FROM effects WHERE run = $1 AND step = $2 AND resource = $3 AND action = $4`,
			run, step, r.ID, action).Scan(&at)
		if err == nil {
			done = at != 0
			return nil
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO effects (id, resource, run, step, action, provider, external_id, actor, intended, done)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0)`,
			pave.NewID("eff"), r.ID, run, step, action, r.Provider, r.ExternalID, actor, store.Micros(time.Now()))
		return err
	})
	return done, err
}

// PruneEffects forgets effects that were recorded before a time: they matter to the
// run of their step alone.
func (j *Journal) PruneEffects(ctx context.Context, before time.Time) error {
	_, err := j.db.Exec(ctx, `DELETE FROM effects WHERE done <> 0 AND done < $1`, before)
	return err
}

// record writes down what an effect led to. Without a spec the one applied before
// stays.
func (j *Journal) record(ctx context.Context, r Record, run, step, action string, st State, spec json.RawMessage) error {
	sealed, keys, err := j.sealAll(st.Secrets)
	if err != nil {
		return err
	}
	if st.ExternalID == "" {
		st.ExternalID = r.ExternalID
	}
	if len(spec) == 0 {
		spec = r.Spec
	}
	if st.Outputs == nil {
		st.Outputs = map[string]string{}
	}
	now := store.Micros(time.Now())
	return j.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE resources SET external_id = $1, state = 'present', spec = $2, outputs = $3,
			secrets = $4, secret_keys = $5, version = $6, ready = $7, reason = $8, observed = $9, run = $10, kept_until = 0,
			drift = '[]', drifted = 0 WHERE id = $11`, st.ExternalID, string(spec), string(mustJSON(st.Outputs)), sealed, keys, st.Version,
			flag(st.Ready), st.Reason, now, run, r.ID)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE effects SET done = $1, external_id = $2
			WHERE run = $3 AND step = $4 AND resource = $5 AND action = $6`, now, st.ExternalID, run, step, r.ID, action)
		return err
	})
}

// retire writes down that a resource was set aside or is gone.
func (j *Journal) retire(ctx context.Context, r Record, run, step, action string, state pave.ResourceState, kept time.Time) error {
	now := store.Micros(time.Now())
	return j.db.Tx(ctx, func(tx *store.Tx) error {
		secrets := "secrets"
		if state == pave.ResourceGone {
			secrets = "''"
		}
		_, err := tx.Exec(ctx, `UPDATE resources SET state = $1, ready = 0, reason = $2, observed = $3, run = $4,
			kept_until = $5, drift = '[]', drifted = 0, secrets = `+secrets+` WHERE id = $6`, string(state), string(state), now, run, store.Micros(kept), r.ID)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE effects SET done = $1 WHERE run = $2 AND step = $3 AND resource = $4 AND action = $5`,
			now, run, step, r.ID, action)
		return err
	})
}

// Observed writes down what an observation found, with its time.
func (j *Journal) Observed(ctx context.Context, id string, ready bool, reason string, at time.Time) error {
	_, err := j.db.Exec(ctx, `UPDATE resources SET ready = $1, reason = $2, observed = $3 WHERE id = $4`,
		flag(ready), reason, store.Micros(at), id)
	return err
}

// drifted writes down how a resource differs from what was applied, and since when
// that is known.
func (j *Journal) drifted(ctx context.Context, r Record, drift []string, at time.Time) ([]string, time.Time, error) {
	since := r.DriftSince
	switch {
	case len(drift) == 0:
		drift, since = []string{}, time.Time{}
	case since.IsZero():
		since = at
	}
	_, err := j.db.Exec(ctx, `UPDATE resources SET drift = $1, drifted = $2 WHERE id = $3`, string(mustJSON(drift)), store.Micros(since), r.ID)
	return drift, since, err
}

func (j *Journal) sealAll(secrets map[string]pave.Secret) (sealed, keys string, err error) {
	if len(secrets) == 0 {
		return "", "[]", nil
	}
	plain := map[string]string{}
	names := []string{}
	for k, v := range secrets {
		plain[k] = v.Reveal()
		names = append(names, k)
	}
	box, err := j.seal.Seal(pave.NewSecret(string(mustJSON(plain))))
	if err != nil {
		return "", "", err
	}
	return base64.StdEncoding.EncodeToString(box), string(mustJSON(names)), nil
}

// secrets opens the sealed outputs of a record.
func (j *Journal) secrets(r Record) (map[string]pave.Secret, error) {
	out := map[string]pave.Secret{}
	if r.sealed == "" {
		return out, nil
	}
	box, err := base64.StdEncoding.DecodeString(r.sealed)
	if err != nil {
		return nil, err
	}
	opened, err := j.seal.Open(box)
	if err != nil {
		return nil, pave.Errorf(pave.Unavailable, "secrets of %s cannot be opened with this key: %w", r.Ref, err).
			WithHint("bring back the key file that sealed them (pave doctor names it)")
	}
	plain := map[string]string{}
	if err := json.Unmarshal([]byte(opened.Reveal()), &plain); err != nil {
		return nil, err
	}
	for k, v := range plain {
		out[k] = pave.NewSecret(v)
	}
	return out, nil
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
