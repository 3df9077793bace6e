package once

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pave-platform/pave/internal/seal"
	"github.com/pave-platform/pave/internal/store"
)

func open(t *testing.T) (*store.DB, *seal.Key) {
	t.Helper()
	dir := t.TempDir()
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(dir, "pave.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	key, err := seal.LoadOrCreate(filepath.Join(dir, "keys", "key"))
	if err != nil {
		t.Fatal(err)
	}
	return db, key
}

func TestKeys(t *testing.T) {
	t.Parallel()
	db, key := open(t)
	k := New(db, key)
	ctx := t.Context()
	call := Call{Actor: "ada", Key: "k", Digest: "d"}
	if a, err := k.Begin(ctx, call); a != nil || err != nil {
		t.Fatalf("the first call is carried out: %v %v", a, err)
	}
	want := Answer{Status: 201, Header: map[string]string{"Location": "/x"}, Body: []byte("pvcnry-once")}
	if err := k.End(ctx, call, want); err != nil {
		t.Fatal(err)
	}
	for what, keys := range map[string]*Keys{"the same server": k, "a server that was started anew": New(db, key)} {
		a, err := keys.Begin(ctx, call)
		if err != nil || a == nil || a.Status != 201 || string(a.Body) != "pvcnry-once" || a.Header["Location"] != "/x" {
			t.Errorf("%s: %+v %v", what, a, err)
		}
	}
	other := call
	other.Digest = "e"
	if _, err := k.Begin(ctx, other); !errors.Is(err, ErrOther) {
		t.Errorf("another call with the key: %v", err)
	}
	other.Actor = "eve"
	if a, err := k.Begin(ctx, other); a != nil || err != nil {
		t.Errorf("the key of somebody else is another one: %v %v", a, err)
	}
	if err := k.Forget(ctx, other); err != nil {
		t.Fatal(err)
	}
	if a, err := k.Begin(ctx, other); a != nil || err != nil {
		t.Errorf("what was forgotten is carried out again: %v %v", a, err)
	}
	var kept string
	if err := db.QueryRow(ctx, `SELECT answer FROM answers WHERE actor = 'ada'`).Scan(&kept); err != nil || strings.Contains(kept, "pvcnry") {
		t.Errorf("answers are sealed: %q %v", kept, err)
	}
}

// A server that died on a call leaves it: what may be done again is, of the rest
// nobody knows.
func TestDeadServer(t *testing.T) {
	t.Parallel()
	db, key := open(t)
	call := Call{Actor: "ada", Key: "k", Digest: "d"}
	if _, err := New(db, key).Begin(t.Context(), call); err != nil {
		t.Fatal(err)
	}
	next := New(db, key)
	if _, err := next.Begin(t.Context(), call); !errors.Is(err, ErrUnknown) {
		t.Errorf("a call that may not be repeated: %v", err)
	}
	call.Again = true
	if a, err := next.Begin(t.Context(), call); a != nil || err != nil {
		t.Errorf("a call that may be repeated: %v %v", a, err)
	}
}

// Of many at once, one is carried out, and all have its answer.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	db, key := open(t)
	k := New(db, key)
	call := Call{Actor: "ada", Key: "k", Digest: "d"}
	var done, replayed atomic.Int32
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			a, err := k.Begin(t.Context(), call)
			if err != nil {
				t.Error(err)
				return
			}
			if a != nil {
				replayed.Add(1)
				return
			}
			done.Add(1)
			time.Sleep(20 * time.Millisecond)
			if err := k.End(context.Background(), call, Answer{Status: 200}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if done.Load() != 1 || replayed.Load() != 19 {
		t.Errorf("%d carried out, %d replayed", done.Load(), replayed.Load())
	}
}
