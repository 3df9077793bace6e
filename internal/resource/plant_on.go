//go:build failpoints

package resource

import "os"

// Planted reports whether PAVE_PLANT plants the bug of this name, to see that the
// crash tests find it. "no-marker": drivers see the marker on nothing.
func Planted(name string) bool { return os.Getenv("PAVE_PLANT") == name }
