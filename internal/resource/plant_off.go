//go:build !failpoints

package resource

// Planted reports whether a bug was planted to see that the crash tests find it.
// Without the build tag failpoints none ever is.
func Planted(string) bool { return false }
