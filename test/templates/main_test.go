// Package templates_test makes a service of every template that ships, with every
// choice of database and cache, through a real server: its pipeline runs, it comes
// to live, and it does what the template promises. It needs the tools of all
// languages and takes minutes: it runs with PAVE_TEST_REAL=1.
package templates_test

import (
	"os"
	"testing"

	"github.com/pave-platform/pave/test/world"
)

func TestMain(m *testing.M) { world.Main(m) }

// long skips a test where only quick ones are wanted.
func long(t *testing.T) {
	t.Helper()
	if os.Getenv("PAVE_TEST_REAL") == "" {
		t.Skip("PAVE_TEST_REAL is not set")
	}
}
