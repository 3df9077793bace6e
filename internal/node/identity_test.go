package node

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/pave-platform/pave"
)

// verify checks a token the way an issuer's customer does: by the JWKS alone.
func verify(t *testing.T, keys JWKS, token string) (jwt.MapClaims, error) {
	t.Helper()
	claims := jwt.MapClaims{}
	_, err := jwt.ParseWithClaims(token, claims, func(tok *jwt.Token) (any, error) {
		for _, k := range keys.Keys {
			if k.KeyID == tok.Header["kid"] {
				x, _ := base64.RawURLEncoding.DecodeString(k.X)
				y, _ := base64.RawURLEncoding.DecodeString(k.Y)
				return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
			}
		}
		return nil, jwt.ErrTokenUnverifiable
	}, jwt.WithValidMethods([]string{"ES256"}), jwt.WithAudience("pave"), jwt.WithIssuer("http://127.0.0.1:7070"), jwt.WithExpirationRequired())
	return claims, err
}

func TestIdentityIsVerifiableAndRenewed(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(o *Options) { o.TokenLife = 4 * time.Second }) // tokens count whole seconds
	i := Identity{
		ID: "id_1", Subject: "shop@production", Service: "shop", Env: "production", Team: "squad",
		Issuer: "http://127.0.0.1:7070", Audience: "pave", UID: b.uid,
	}
	st, err := b.PutIdentity(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(st.Path)
	if err != nil || info.Mode().Perm() != 0o400 || int(info.Sys().(*syscall.Stat_t).Uid) != max(b.uid, os.Geteuid()) {
		t.Errorf("file %v, %v", info, err)
	}
	keys, err := b.JWKS(t.Context())
	if err != nil || len(keys.Keys) != 1 {
		t.Fatal(keys, err)
	}
	first, _ := os.ReadFile(st.Path)
	claims, err := verify(t, keys, string(first))
	if err != nil || claims["sub"] != "shop@production" || claims["team"] != "squad" {
		t.Errorf("claims %v, %v", claims, err)
	}
	// Read without pause over more than a life: there is always a whole, valid token.
	seen := map[string]bool{}
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		data, err := os.ReadFile(st.Path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verify(t, keys, string(data)); err != nil {
			t.Fatal(err)
		}
		seen[string(data)] = true
	}
	if len(seen) < 3 {
		t.Errorf("%d tokens in 5 s, want a new one at every half", len(seen))
	}
	// The key outlives the node.
	b.end()
	<-b.done
	b.start()
	if again, err := b.JWKS(t.Context()); err != nil || again.Keys[0] != keys.Keys[0] {
		t.Errorf("another key after a restart: %v, %v", again, err)
	}
	if err := b.DeleteIdentity(t.Context(), "id_1"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(st.Path); err == nil {
		t.Error("the token is still there")
	}
	if _, err := b.PutIdentity(t.Context(), Identity{ID: "x"}); pave.CodeOf(err) != pave.Invalid {
		t.Errorf("an identity without subject: %v", err)
	}
}
