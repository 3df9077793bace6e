package workflow

import (
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

// Tell adds an event of no run, in the transaction of what it tells of: it is told
// if that is committed.
func (e *Engine) Tell(tx *store.Tx, ev pave.Event) {
	w := e.join(tx, anyEpoch)
	w.events = append(w.events, ev)
}
