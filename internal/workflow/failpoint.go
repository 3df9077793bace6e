package workflow

import (
	"context"

	"github.com/pave-platform/pave"
)

// failpointKey is the context key of the step a handler runs for.
type failpointKey struct{}

type failpointStepInfo struct {
	kind pave.RunKind
	step string
}

func withFailpoint(ctx context.Context, kind pave.RunKind, step string) context.Context {
	return context.WithValue(ctx, failpointKey{}, failpointStepInfo{kind, step})
}

// Failpoint is a place between an effect and its record, where the crash tests
// may kill the process; without the build tag failpoints it does nothing. ctx is
// that of a handler: it tells the run kind and the step.
func Failpoint(ctx context.Context, name string) {
	if info, ok := ctx.Value(failpointKey{}).(failpointStepInfo); ok {
		failpoint(name, info.kind, info.step)
	}
}
