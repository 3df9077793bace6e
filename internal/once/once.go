// Package once keeps the answers of calls that carry a key, so that a call that is
// sent twice is carried out once. Answers are sealed, for some hold a secret; they
// survive restarts and are kept for a day. The package knows no route.
package once

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"sync"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/seal"
	"github.com/pave-platform/pave/internal/store"
)

const (
	// Kept is how long a key means its first call.
	Kept = 24 * time.Hour
	// patience is how long a call waits for the first of its key.
	patience = 20 * time.Second
	// lost is after how long a call of another server that has not ended is taken
	// for one that died, where several servers may share a store.
	lost = 3 * time.Minute
)

// Errors of Begin. ErrOther: the key was used for another call. ErrBusy: the first
// call is still being carried out. ErrUnknown: the server ended while it carried the
// first call out, and nobody knows how far it came.
var (
	ErrOther   = errors.New("the key was used for another call")
	ErrBusy    = errors.New("the first call is still being carried out")
	ErrUnknown = errors.New("the server ended while it carried the call out")
)

// Keys are the calls with a key. It must be made by New.
type Keys struct {
	db     *store.DB
	key    *seal.Key
	server string // this process

	mu     sync.Mutex
	pruned time.Time
}

// New returns the keys of a store.
func New(db *store.DB, key *seal.Key) *Keys {
	return &Keys{db: db, key: key, server: pave.NewID("srv")}
}

// A Call is what carries a key.
type Call struct {
	Actor  string // whose key it is; keys of others are other keys
	Key    string
	Digest string // of all that was asked for
	// Again: one that a dead server began may simply be carried out again.
	Again bool
}

// An Answer is what a call was answered.
type Answer struct {
	Status int               `json:"status"`
	Header map[string]string `json:"header"`
	Body   []byte            `json:"body"`
}

// Begin says what to do with a call: nil is to carry it out and then End or Forget;
// an answer is that of the first call of its key. A call whose first is still being
// carried out waits for it a while.
func (k *Keys) Begin(ctx context.Context, c Call) (*Answer, error) {
	k.prune(ctx)
	for deadline := time.Now().Add(patience); ; {
		a, err := k.claim(ctx, c)
		if !errors.Is(err, ErrBusy) || time.Now().After(deadline) {
			return a, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (k *Keys) claim(ctx context.Context, c Call) (answer *Answer, err error) {
	err = k.db.Tx(ctx, func(tx *store.Tx) error {
		answer = nil
		n, err := tx.Exec(ctx, `INSERT INTO answers (actor, idem_key, digest, server, status, answer, created)
			VALUES ($1, $2, $3, $4, 0, '', $5) ON CONFLICT (actor, idem_key) DO NOTHING`, c.Actor, c.Key, c.Digest, k.server, time.Now())
		if err != nil || n > 0 {
			return err
		}
		answer, err = k.earlier(ctx, tx, c)
		return err
	})
	return answer, err
}

// earlier is what the first call of a key came to.
func (k *Keys) earlier(ctx context.Context, tx *store.Tx, c Call) (*Answer, error) {
	var digest, server, sealed string
	var status int
	var created time.Time
	err := tx.QueryRow(ctx, `SELECT digest, server, status, answer, created FROM answers WHERE actor = $1 AND idem_key = $2`,
		c.Actor, c.Key).Scan(&digest, &server, &status, &sealed, store.Stamp(&created))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, ErrBusy // forgotten at this moment: the next look is its own
	case err != nil:
		return nil, err
	case digest != c.Digest:
		return nil, ErrOther
	case status != 0:
		return k.open(sealed)
	case server == k.server, tx.Dialect() != store.SQLite && time.Since(created) < lost:
		return nil, ErrBusy
	case !c.Again:
		return nil, ErrUnknown
	}
	_, err = tx.Exec(ctx, `UPDATE answers SET server = $1, created = $2 WHERE actor = $3 AND idem_key = $4 AND server = $5`,
		k.server, time.Now(), c.Actor, c.Key, server)
	return nil, err
}

func (k *Keys) open(sealed string) (*Answer, error) {
	raw, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		return nil, pave.Errorf(pave.Internal, "an answer that was kept: %w", err)
	}
	a := &Answer{}
	return a, k.key.OpenJSON(raw, a)
}

// End keeps the answer of a call that was carried out.
func (k *Keys) End(ctx context.Context, c Call, a Answer) error {
	raw, err := k.key.SealJSON(a)
	if err != nil {
		return err
	}
	_, err = k.db.Exec(ctx, `UPDATE answers SET status = $1, answer = $2 WHERE actor = $3 AND idem_key = $4 AND server = $5`,
		a.Status, base64.StdEncoding.EncodeToString(raw), c.Actor, c.Key, k.server)
	return err
}

// Forget frees the key of a call that changed nothing.
func (k *Keys) Forget(ctx context.Context, c Call) error {
	_, err := k.db.Exec(ctx, `DELETE FROM answers WHERE actor = $1 AND idem_key = $2 AND server = $3 AND status = 0`, c.Actor, c.Key, k.server)
	return err
}

// prune drops what is too old, now and then. One that fails is tried again later.
func (k *Keys) prune(ctx context.Context) {
	k.mu.Lock()
	due := time.Since(k.pruned) > 10*time.Minute
	if due {
		k.pruned = time.Now()
	}
	k.mu.Unlock()
	if due {
		_, _ = k.db.Exec(ctx, `DELETE FROM answers WHERE created < $1`, time.Now().Add(-Kept))
	}
}
