package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/pave-platform/pave"
)

// Derive returns the secret of a purpose and an id: 64 hexadecimal digits that
// are the same for ever and tell nothing without the key. A credential that can
// be derived needs to be stored nowhere, and a step that runs again after a crash
// comes to the same one.
func (k *Key) Derive(purpose, id string) pave.Secret {
	mac := hmac.New(sha256.New, []byte(k.identity.String()))
	mac.Write([]byte(strings.Join([]string{"pave derive 1", purpose, id}, "\x00")))
	return pave.NewSecret(hex.EncodeToString(mac.Sum(nil)))
}
