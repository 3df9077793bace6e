package workflow_test

import (
	"context"
	"testing"

	"github.com/pave-platform/pave/internal/store/storetest"
	"github.com/pave-platform/pave/internal/workflow"
)

// BenchmarkRun12 is a run of 12 trivial steps one after another, from its start
// to its end.
func BenchmarkRun12(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": storetest.SQLite, "postgresql": storetest.PostgreSQL} {
		b.Run(name, func(b *testing.B) {
			ctx, cancel := context.WithCancel(context.Background())
			e := workflow.New(storetest.Open(b, url(b)), workflow.Options{})
			e.Handle("a", ok)
			ended := make(chan error, 1)
			go func() { ended <- e.Run(ctx) }()
			s := chain(12)
			for b.Loop() {
				r, err := e.Start(ctx, s)
				for err == nil && !r.State.Ended() {
					changed := e.Changed()
					if r, err = e.Get(ctx, r.ID); !r.State.Ended() {
						<-changed
					}
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			cancel()
			if err := <-ended; err != nil {
				b.Fatal(err)
			}
		})
	}
}

func chain(n int) workflow.Start {
	s := run()
	for i := range n {
		next := workflow.StepSpec{Key: string(rune('a' + i)), Handler: "a"}
		if i > 0 {
			next.Needs = []string{s.Steps[i-1].Key}
		}
		s.Steps = append(s.Steps, next)
	}
	return s
}
