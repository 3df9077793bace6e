package terraform

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"maps"
	"sync"
	"time"

	"github.com/pave-platform/pave"
)

// Whoever may see a service may ask for a review, again and again, and each fetches what a
// git repository has. So an answer is kept for reviewAge, and one is found at a time.
const reviewAge = 5 * time.Minute

type reviews struct {
	one   sync.Mutex // held by whoever makes turn
	turn  chan struct{}
	known map[[sha256.Size]byte]review // guarded by turn
}

type review struct {
	said  string
	until time.Time
}

// of is the answer about a binding: the one that is kept, or what find says, whose error is
// nobody's where the caller has given up.
func (v *reviews) of(ctx context.Context, b pave.Binding, find func() (string, error)) string {
	v.one.Lock()
	if v.turn == nil {
		v.turn, v.known = make(chan struct{}, 1), map[[sha256.Size]byte]review{}
	}
	v.one.Unlock()
	select {
	case v.turn <- struct{}{}:
		defer func() { <-v.turn }()
	case <-ctx.Done():
		return unknownVersion + "others are asked first"
	}
	text, _ := json.Marshal([]any{b.Kind, b.Module}) // it was JSON before
	key, now := sha256.Sum256(text), time.Now()
	maps.DeleteFunc(v.known, func(_ [sha256.Size]byte, r review) bool { return now.After(r.until) })
	if r, ok := v.known[key]; ok {
		return r.said
	}
	said, err := find()
	if err == nil || ctx.Err() == nil {
		v.known[key] = review{said, now.Add(reviewAge)}
	}
	return said
}
