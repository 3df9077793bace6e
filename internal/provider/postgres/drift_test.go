package postgres

import (
	"slices"
	"strings"
	"testing"

	"github.com/pave-platform/pave/internal/resource"
)

// What people do to a database behind pave's back is named, and made good by the next
// Apply.
func TestDrift(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	for name, tc := range map[string]struct {
		change []string // $ is the name
		want   []string
	}{
		"password": {[]string{"ALTER ROLE $ PASSWORD NULL"}, []string{"its password was changed"}},
		"public":   {[]string{"GRANT CONNECT ON DATABASE $ TO PUBLIC"}, []string{"every role may connect"}},
		"rights":   {[]string{"ALTER ROLE $ CREATEDB"}, []string{"its role has more rights than it was given"}},
		"both":     {[]string{"ALTER ROLE $ SUPERUSER", "GRANT CONNECT ON DATABASE $ TO PUBLIC"}, []string{"every role may connect", "its role has more rights than it was given"}},
		"login":    {[]string{"ALTER ROLE $ NOLOGIN"}, []string{"nobody can log in"}},
		"renamed":  {[]string{"ALTER DATABASE $ RENAME TO elsewhere"}, []string{"it was renamed outside pave"}},
	} {
		r := fresh()
		ready(t, d, r)
		wantDrift(t, d, r, name+", before", nil)
		for _, text := range tc.change {
			admin(t, d, strings.ReplaceAll(text, "$", quote(r.ExternalID)))
		}
		wantDrift(t, d, r, name, tc.want)
		ready(t, d, r)
		wantDrift(t, d, r, name+", healed", nil)
	}
}

func wantDrift(t *testing.T, d *Driver, r resource.Resource, what string, want []string) {
	t.Helper()
	got, err := d.Drift(t.Context(), r)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%s: %q, %v; want %q", what, got, err, want)
	}
}
