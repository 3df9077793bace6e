package resource_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/resource/resourcetest"
)

// source keeps the secret outputs of its resources itself, and is away as often as fail
// says.
type source struct {
	*resourcetest.Slow
	reads, fail atomic.Int64
}

func (s *source) Secrets(context.Context, resource.Resource) (map[string]pave.Secret, error) {
	s.reads.Add(1)
	if s.fail.Add(-1) >= 0 {
		return nil, pave.Errorf(pave.Unavailable, "the source is away")
	}
	return map[string]pave.Secret{"url": pave.NewSecret("from the source")}, nil
}

// What a provider keeps itself is read there when it is needed, not in the journal: as
// often as what needs it is applied, however often that is looked at. While it is away
// its runs wait.
func TestSource(t *testing.T) {
	var got atomic.Value
	each(t, func(r *rig) { // stores at once: each has a source of its own
		from := &source{Slow: r.worlds[pave.KindDatabase]}
		from.fail.Store(3)
		r.Drivers[pave.KindDatabase]["slow"] = from
		r.worlds[pave.KindSecret].Before = func(_ context.Context, method string, res resource.Resource) error {
			if in, ok := res.Input(pave.KindDatabase); ok && method == "Apply" {
				got.Store(in.Secrets["url"].Reveal())
			}
			return nil
		}
	}, func(r *rig) {
		from := r.Drivers[pave.KindDatabase]["slow"].(*source)
		r.reach(shop("staging"))
		if got.Load() != "from the source" {
			t.Errorf("the secret's driver got %v", got.Load())
		}
		if n := from.reads.Load(); n != 4 {
			t.Errorf("the source was read %d times, want 3 in vain and once", n)
		}
		var sealed string
		database := r.record(pave.KindDatabase)
		if err := r.db.QueryRow(t.Context(), `SELECT secrets FROM resources WHERE id = $1`, database.ID).Scan(&sealed); err != nil {
			t.Fatal(err)
		}
		if sealed != "" || len(database.SecretKeys) > 0 {
			t.Errorf("the journal has %q: %q", database.SecretKeys, sealed)
		}
		from.fail.Store(1)
		if _, err := r.SecretsOf(t.Context(), database); pave.CodeOf(err) != pave.Unavailable || !strings.Contains(err.Error(), "away") {
			t.Errorf("while it is away: %v", err)
		}
	})
}
