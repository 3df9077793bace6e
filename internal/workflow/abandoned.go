package workflow

import (
	"context"
	"errors"
)

// Abandoned reports whether the context of a handler ended because its run was
// canceled or its step ran out of time. Otherwise the executor stopped, and the
// step will go on under the next one: what it has started may go on too.
func Abandoned(ctx context.Context) bool {
	cause := context.Cause(ctx)
	return errors.Is(cause, errCanceled) || errors.Is(cause, errTimeout)
}
