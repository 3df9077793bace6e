package postgres

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"github.com/pave-platform/pave"
)

// scramRounds is PostgreSQL's own default.
const scramRounds = 4096

// verifier is what the server keeps of a password (SCRAM-SHA-256, RFC 5803). It is
// made here, so that no statement, and so no log of the server, ever holds the
// password. The salt is derived from the password: setting the same one again
// changes nothing.
func verifier(password pave.Secret) string {
	sum := sha256.Sum256([]byte("pave salt\x00" + password.Reveal()))
	salt := sum[:16]
	salted, err := pbkdf2.Key(sha256.New, password.Reveal(), salt, scramRounds, sha256.Size)
	if err != nil {
		panic(err) // the parameters are constants
	}
	client := mac(salted, "Client Key")
	stored := sha256.Sum256(client)
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", scramRounds, b64(salt), b64(stored[:]), b64(mac(salted, "Server Key")))
}

func mac(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}
