package node

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/pave-platform/pave"
)

// loadSigner reads the key that signs tokens from the wanted set, or makes it;
// startAll writes it.
func (n *Node) loadSigner() error {
	if len(n.want.SigningKey) == 0 {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return fmt.Errorf("make a signing key: %w", err)
		}
		if n.want.SigningKey, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
			return fmt.Errorf("make a signing key: %w", err)
		}
	}
	key, err := x509.ParsePKCS8PrivateKey(n.want.SigningKey)
	signer, ok := key.(*ecdsa.PrivateKey)
	if err != nil || !ok {
		return pave.Errorf(pave.Internal, "the signing key in %q is damaged", n.wantedPath())
	}
	n.signer = signer
	return nil
}

// jwk returns the public half of the signing key; its id is its RFC 7638
// thumbprint.
func (n *Node) jwk() JWK {
	point, err := n.signer.PublicKey.Bytes() // 4, x, y
	if err != nil || len(point) != 65 {
		panic("a P-256 key without a point") // it was made or parsed by us
	}
	b64 := base64.RawURLEncoding.EncodeToString
	k := JWK{Type: "EC", Curve: "P-256", X: b64(point[1:33]), Y: b64(point[33:]), Use: "sig", Algorithm: "ES256"}
	sum := sha256.Sum256(fmt.Appendf(nil, `{"crv":%q,"kty":%q,"x":%q,"y":%q}`, k.Curve, k.Type, k.X, k.Y))
	k.KeyID = b64(sum[:])
	return k
}

func (n *Node) tokenPath(id string) string {
	return filepath.Join(n.opts.Home, "identities", id+".jwt")
}

func (i *Identity) check() error {
	if err := checkID(i.ID); err != nil {
		return err
	}
	for field, v := range map[string]string{"subject": i.Subject, "issuer": i.Issuer, "audience": i.Audience} {
		if v == "" {
			return pave.BadField(field, v, "is empty", "give the "+field+" of the tokens")
		}
	}
	if i.UID < 0 || i.UID != 0 && os.Geteuid() != 0 && i.UID != os.Geteuid() {
		return pave.BadField("uid", fmt.Sprint(i.UID), "needs a node that runs as root", "leave the uid out")
	}
	return nil
}

// putIdentity writes a token and keeps it fresh.
func (n *Node) putIdentity(i Identity) error {
	if err := i.check(); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if old, ok := n.want.Identities[i.ID]; ok && old == i && time.Until(n.tokens[i.ID]) > 0 {
		if _, err := os.Lstat(n.tokenPath(i.ID)); err == nil {
			return nil
		}
	}
	if err := put(n, n.want.Identities, i.ID, i); err != nil {
		return err
	}
	return n.renew(i)
}

// renew signs a token and replaces the file. The caller holds mu.
func (n *Node) renew(i Identity) error {
	now := time.Now()
	expires := now.Add(n.opts.TokenLife)
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": i.Issuer, "sub": i.Subject, "aud": i.Audience,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": expires.Unix(), "jti": pave.NewID("tok"),
		"service": i.Service, "env": i.Env, "team": i.Team,
	})
	token.Header["kid"] = n.jwk().KeyID
	signed, err := token.SignedString(n.signer)
	if err != nil {
		return fmt.Errorf("sign a token: %w", err)
	}
	uid := -1
	if os.Geteuid() == 0 {
		uid = i.UID
	}
	if err := writeFile(n.tokenPath(i.ID), []byte(signed), 0o400, uid); err != nil {
		return err
	}
	n.tokens[i.ID] = expires
	return nil
}

// renewAll renews tokens that are past half their life, or that a jump of the
// clock has put out of it.
func (n *Node) renewAll() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for id, i := range n.want.Identities {
		left := time.Until(n.tokens[id].Round(0)) // by the clock on the wall: that is what verifiers use
		if left > n.opts.TokenLife/2 && left <= n.opts.TokenLife+time.Second {
			continue
		}
		if err := n.renew(i); err != nil {
			n.log.Error("cannot renew a token", "identity", id, "err", err)
		}
	}
}

func (n *Node) identity(id string) (IdentityStatus, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	i, ok := n.want.Identities[id]
	if !ok {
		return IdentityStatus{}, notFound("identity", id)
	}
	return IdentityStatus{Identity: i, Path: n.tokenPath(id), Expires: n.tokens[id].UTC()}, nil
}

// deleteIdentity removes the token. Absence is success.
func (n *Node) deleteIdentity(id string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := drop(n, n.want.Identities, id); err != nil {
		return err
	}
	delete(n.tokens, id)
	_ = os.Remove(n.tokenPath(id))
	return nil
}
