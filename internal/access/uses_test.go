package access

import (
	"testing"
	"time"

	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/store/storetest"
)

func TestUses(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		db := open()
		ctx, a := t.Context(), New(db)
		now := time.Now().Truncate(time.Second)
		from := now.Add(-3 * week)
		for id, u := range map[string]struct {
			actor, command string
			ago            time.Duration
		}{"1": {"ada", "status", 0}, "2": {"bob", "status", 0}, "3": {"ada", "logs", 0}, "4": {"ada", "status", 2 * week}, "5": {"eve", "status", 4 * week}} {
			if err := a.UsedCommand(ctx, id, u.actor, u.command, "1"); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec(ctx, `UPDATE command_uses SET at = $1 WHERE id = $2`, store.Micros(now.Add(-u.ago-time.Hour)), id); err != nil {
				t.Fatal(err)
			}
		}
		weeks, err := a.WeeksOfUse(ctx, from, 3)
		if err != nil || len(weeks) != 3 || weeks[0].Users != 1 || weeks[0].Commands != 1 || weeks[1].Users != 0 || weeks[2].Users != 2 || weeks[2].Commands != 3 {
			t.Errorf("%+v, %v", weeks, err)
		}
		if !weeks[1].Start.Equal(from.Add(week)) {
			t.Errorf("the second week starts at %v", weeks[1].Start)
		}
		used, err := a.CommandsUsed(ctx, from)
		if err != nil || len(used) != 2 || used[0].Command != "status" || used[0].Uses != 3 || used[0].Users != 2 || used[1].Uses != 1 {
			t.Errorf("%+v, %v", used, err)
		}
		if !used[0].Last.Equal(now.Add(-time.Hour)) {
			t.Errorf("last used %v, want an hour before %v", used[0].Last, now)
		}
		if _, err := a.EnsureUser(ctx, "new", false); err != nil {
			t.Fatal(err)
		}
		if came, err := a.Newcomers(ctx, now.Add(-time.Minute)); err != nil || len(came) != 1 {
			t.Errorf("%v, %v", came, err)
		}
	})
}
