package platform

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pave-platform/pave"
)

// A speaker is a host that tests let speak.
type speaker struct {
	mu    sync.Mutex
	calls int
	takes time.Duration
	err   error
	a     answers
}

// call answers with its number.
func (s *speaker) call(ctx context.Context) ([]pave.CommitCheck, error) {
	s.mu.Lock()
	s.calls++
	n, takes, err := s.calls, s.takes, s.err
	s.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return []pave.CommitCheck{{ID: fmt.Sprint(n)}}, err
}

// ask is one answer in a line: which call it is of, how old it is, and the reason or error.
func (s *speaker) ask(ctx context.Context, q question) string {
	l, err := askHost(ctx, &s.a, q, s.call, func(c *pave.CommitCheck, at time.Time) { c.Observed = at })
	if err != nil {
		return string(pave.CodeOf(err))
	}
	return strings.TrimSpace(fmt.Sprint(l.Items[0].ID, " ", time.Since(l.Items[0].Observed), " ", l.Reason))
}

// The clock moves as each case says; what is asked in between is compared.
func TestAnswersAge(t *testing.T) {
	t.Parallel()
	away := pave.Errorf(pave.Unavailable, "away")
	type look struct {
		after time.Duration
		does  func(*speaker)
		want  string
	}
	goes := func(err error) func(*speaker) { return func(s *speaker) { s.err = err } }
	for name, looks := range map[string][]look{
		"fresh": {{0, nil, "1 0s"}, {14 * time.Second, nil, "1 14s"}, {time.Second, nil, "2 0s"}},
		"something happened": {{0, nil, "1 0s"}, {time.Second, func(s *speaker) { s.a.outdate("res_1") }, "2 0s"},
			{time.Second, func(s *speaker) { s.a.outdate("res_2") }, "2 1s"}},
		"away": {{0, nil, "1 0s"}, {20 * time.Second, goes(away), "1 20s away"}, {time.Second, nil, "1 21s away"},
			{time.Hour, nil, "unavailable"}, {0, goes(nil), "5 0s"}},
		"away from the beginning": {{0, goes(away), "unavailable"}, {0, goes(nil), "2 0s"}},
		"away when something happened": {{0, nil, "1 0s"},
			{time.Second, func(s *speaker) { s.a.outdate("res_1"); s.err = away }, "1 1s away"}, {0, goes(nil), "3 0s"}},
		"it says otherwise": {{0, nil, "1 0s"}, {20 * time.Second, goes(pave.Errorf(pave.NotFound, "no such repository")), "not_found"},
			{0, goes(away), "unavailable"}},
		"slow":            {{0, func(s *speaker) { s.takes = 10 * time.Second }, "1 10s"}, {4 * time.Second, nil, "1 14s"}, {time.Second, nil, "2 10s"}},
		"without an end":  {{0, func(s *speaker) { s.takes = time.Hour }, "unavailable"}},
		"away, no answer": {{0, nil, "1 0s"}, {time.Minute, func(s *speaker) { s.takes = time.Hour }, "1 2m0s context deadline exceeded"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var s speaker
				for i, l := range looks {
					time.Sleep(l.after)
					if l.does != nil {
						l.does(&s)
					}
					if got := s.ask(t.Context(), question{"res_1", "checks", ""}); got != l.want {
						t.Errorf("look %d: %q, want %q", i, got, l.want)
					}
				}
			})
		})
	}
}

// Who asks while an answer is on its way waits for that one; who leaves takes nothing from
// the others.
func TestAnswersAreShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := speaker{takes: 5 * time.Second}
		var group sync.WaitGroup
		first, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		hasty, off := context.WithTimeout(t.Context(), 2*time.Second)
		defer off()
		q := question{"res_1", "checks", ""}
		group.Go(func() { s.ask(first, q) })
		synctest.Wait()
		for range 100 {
			group.Go(func() {
				if got := s.ask(t.Context(), q); got != "1 5s" {
					t.Errorf("who waited got %q", got)
				}
			})
		}
		group.Go(func() {
			if begun := time.Now(); s.ask(hasty, q) != "unavailable" || time.Since(begun) != 2*time.Second {
				t.Errorf("who left had to wait %s", time.Since(begun))
			}
		})
		for _, other := range []question{{"res_1", "checks", "c0ffee"}, {"res_1", "proposals", ""}, {"res_2", "checks", ""}} {
			group.Go(func() {
				if got := s.ask(t.Context(), other); strings.HasPrefix(got, "1 ") {
					t.Errorf("%v was answered with another one's: %s", other, got)
				}
			})
		}
		group.Wait()
		if s.calls != 4 {
			t.Errorf("the host was asked %d times for 4 lists", s.calls)
		}
	})
}

// What was asked before something happened is not taken for news, whenever it comes.
func TestAnswersTooEarly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := speaker{takes: 5 * time.Second}
		q := question{"res_1", "checks", ""}
		var group sync.WaitGroup
		group.Go(func() { s.ask(t.Context(), q) })
		time.Sleep(time.Second)
		s.a.outdate("res_1")
		s.mu.Lock()
		s.takes = time.Second
		s.mu.Unlock()
		if got := s.ask(t.Context(), q); got != "2 1s" {
			t.Errorf("after it: %q", got)
		}
		group.Wait() // the first comes last
		if got := s.ask(t.Context(), q); got != "2 4s" || s.calls != 2 {
			t.Errorf("then: %q after %d calls", got, s.calls)
		}

		// Nor where nobody asked before it came.
		other := question{"res_2", "checks", ""}
		group.Go(func() { s.ask(t.Context(), other) })
		time.Sleep(time.Second / 2)
		s.a.outdate("res_2")
		group.Wait()
		if got := s.ask(t.Context(), other); got != "4 1s" {
			t.Errorf("asked before, come after: %q", got)
		}
	})
}

// However much is asked for, so much is kept.
func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ asked, bytes, kept int }{
		"many":      {3 * maxAnswers, 10, maxAnswers},
		"large":     {40, maxAnswer - 2, maxTogether / maxAnswer}, // without the quotes
		"too large": {3, maxAnswer + 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var a answers
				text := strings.Repeat("x", c.bytes)
				for i := range c.asked {
					time.Sleep(time.Millisecond)
					q := question{fmt.Sprint("res_", i), "proposals", ""}
					if _, _, err := a.ask(t.Context(), q, func(context.Context) (any, error) { return text, nil }); err != nil {
						t.Fatal(err)
					}
				}
				if len(a.kept) != c.kept || len(a.asking) != 0 {
					t.Errorf("%d are kept, want %d; %d are on their way", len(a.kept), c.kept, len(a.asking))
				}
				if newest := (question{fmt.Sprint("res_", c.asked-1), "proposals", ""}); c.kept > 0 && a.kept[newest] == nil {
					t.Error("the newest is not kept")
				}
			})
		})
	}
}

// Who asks for commit after commit keeps nobody from having what is kept for all.
func TestAnswersAboutCommitsGoFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var a answers
		ask := func(repository, commit string) {
			time.Sleep(time.Millisecond)
			if _, _, err := a.ask(t.Context(), question{repository, "checks", commit}, func(context.Context) (any, error) { return "x", nil }); err != nil {
				t.Fatal(err)
			}
		}
		ask("res_1", "")
		for i := range 2 * maxAnswers {
			ask("res_2", fmt.Sprint("c", i))
		}
		if a.kept[question{"res_1", "checks", ""}] == nil || len(a.kept) != maxAnswers {
			t.Errorf("%d are kept, and not what is about no commit", len(a.kept))
		}
	})
}

// A driver that panics leaves nobody waiting.
func TestAnswersAfterPanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var a answers
		var group sync.WaitGroup
		q := question{"res_1", "checks", ""}
		group.Go(func() {
			defer func() { _ = recover() }()
			_, _, _ = a.ask(t.Context(), q, func(context.Context) (any, error) { time.Sleep(time.Second); panic("a defect") })
		})
		synctest.Wait()
		if _, _, err := a.ask(t.Context(), q, nil); pave.CodeOf(err) != pave.Internal {
			t.Errorf("who waited got %v", err)
		}
		group.Wait()
		if _, _, err := a.ask(t.Context(), q, func(context.Context) (any, error) { return nil, errors.New("again") }); err == nil || err.Error() != "again" {
			t.Errorf("asked again: %v", err)
		}
	})
}
