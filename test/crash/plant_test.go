package crash_test

import (
	"strings"
	"testing"
)

// With the check of the marker off, a create is as good as ever until it is
// killed: then the step that runs again takes its own work for somebody else's.
// The matrix must see that, or it sees nothing.
func TestPlantedBug(t *testing.T) {
	t.Parallel()
	l := newLab(t, dice(t), "PAVE_PLANT=no-marker")
	tr := createDB()
	if _, err := enumerate(l, tr); err != nil {
		t.Fatalf("with the bug and without a kill: %v", err)
	}
	for _, point := range []string{"apply/repository/before-record", "apply/database:staging/before-record", "apply/cache:staging/before-record"} {
		err := l.dieAt(tr, point)
		if err == nil {
			t.Fatalf("killed at %s with the marker check off: the matrix found nothing", point)
		}
		if !strings.Contains(err.Error(), "is not of this service") {
			t.Errorf("killed at %s: %v, want that a thing is taken for foreign", point, err)
		}
		t.Logf("%s: found: %v", point, err)
	}
}
