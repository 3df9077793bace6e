package api

import (
	"crypto/subtle"

	"github.com/pave-platform/pave"
)

// sameToken compares in constant time; an empty secret matches nothing.
func sameToken(got string, want pave.Secret) bool {
	return !want.IsZero() && subtle.ConstantTimeCompare([]byte(got), []byte(want.Reveal())) == 1
}
