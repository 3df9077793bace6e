package platform

import (
	"slices"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/seal"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/store/storetest"
)

// A sealed value is kept while something may ask for it, and no longer.
func TestPruneSealed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := storetest.Open(t, "sqlite:"+dir+"/pave.db")
	key, err := seal.LoadOrCreate(dir + "/keys/pave.key")
	if err != nil {
		t.Fatal(err)
	}
	p := &Platform{Deps: Deps{DB: db, Vault: resource.NewVault(db, key)}}
	now := time.Now()
	day := 24 * time.Hour
	exec := func(text string, args ...any) {
		t.Helper()
		if _, err := db.Exec(t.Context(), text, args...); err != nil {
			t.Fatal(err)
		}
	}
	for i, s := range []struct {
		id      string
		deleted time.Time
	}{{"svc_live", time.Time{}}, {"svc_kept", now.Add(-day)}, {"svc_gone", now.Add(-8 * day)}} {
		kept := time.Time{}
		if !s.deleted.IsZero() {
			kept = s.deleted.Add(resource.KeepFor)
		}
		exec(`INSERT INTO services (id, name, team, uid, revision, last_run, created, deleted, kept_until)
			VALUES ($1, $2, 'web', $3, 1, '', 0, $4, $5)`, s.id, s.id, i, store.Micros(s.deleted), store.Micros(kept))
	}
	var want []string
	for _, v := range []struct {
		id, service string
		used        int
		age         time.Duration
		kept        bool
	}{
		{"sec_1_in_use", "svc_live", 1, 100 * day, true},
		{"sec_2_waits", "svc_live", 0, day, true},
		{"sec_3_nobody_came", "svc_live", 0, 31 * day, false},
		{"sec_4_restorable", "svc_kept", 1, 100 * day, true},
		{"sec_5_gone_for_good", "svc_gone", 1, 100 * day, false},
	} {
		exec(`INSERT INTO sealed_values (id, service, name, used, created) VALUES ($1, $2, 'KEY', $3, $4)`,
			v.id, v.service, v.used, store.Micros(now.Add(-v.age)))
		if err := p.Vault.Put(t.Context(), v.id, pave.NewSecret("x")); err != nil {
			t.Fatal(err)
		}
		if v.kept {
			want = append(want, v.id)
		}
	}
	if err := p.pruneSealed(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := p.Vault.List(t.Context()); err != nil || !slices.Equal(got, want) {
		t.Errorf("kept are %v, %v; want %v", got, err, want)
	}
}
