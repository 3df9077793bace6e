package resourcetest

import (
	"context"
	"math/rand/v2"
	"sync"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// Lossy wraps a driver and loses requests before, and answers after, they had
// their effect: the caller sees Unavailable either way. The same seed loses the
// same calls. Optional interfaces are found through it and lose nothing.
type Lossy struct {
	resource.Driver
	rate float64

	mu   sync.Mutex
	dice *rand.Rand
	lost int
}

// NewLossy returns a driver that loses the given share of calls.
func NewLossy(d resource.Driver, seed uint64, rate float64) *Lossy {
	return &Lossy{Driver: d, rate: rate, dice: rand.New(rand.NewPCG(seed, seed))}
}

// Unwrap returns the driver below.
func (l *Lossy) Unwrap() resource.Driver { return l.Driver }

// Lost returns how many calls were lost.
func (l *Lossy) Lost() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

// Observe may lose its answer.
func (l *Lossy) Observe(ctx context.Context, r resource.Resource) (st resource.State, err error) {
	return lose(l, func() (resource.State, error) { return l.Driver.Observe(ctx, r) })
}

// Apply may be lost on the way, or its answer on the way back.
func (l *Lossy) Apply(ctx context.Context, r resource.Resource) (resource.State, error) {
	return lose(l, func() (resource.State, error) { return l.Driver.Apply(ctx, r) })
}

// Delete may be lost on the way, or its answer on the way back.
func (l *Lossy) Delete(ctx context.Context, r resource.Resource) error {
	_, err := lose(l, func() (any, error) { return nil, l.Driver.Delete(ctx, r) })
	return err
}

func lose[T any](l *Lossy, f func() (T, error)) (T, error) {
	var zero T
	switch l.roll() {
	case "request":
		return zero, pave.Errorf(pave.Unavailable, "the request was lost")
	case "answer":
		_, _ = f()
		return zero, pave.Errorf(pave.Unavailable, "the answer was lost")
	}
	return f()
}

// roll decides what is lost of a call; mostly it is the answer.
func (l *Lossy) roll() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dice.Float64() >= l.rate {
		return ""
	}
	l.lost++
	if l.dice.IntN(4) == 0 {
		return "request"
	}
	return "answer"
}
