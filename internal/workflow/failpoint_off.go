//go:build !failpoints

package workflow

import (
	"context"

	"github.com/pave-platform/pave"
)

func failpoint(string, pave.RunKind, string) {}

func failpointStep(context.Context, *executor, string, stepID) {}
