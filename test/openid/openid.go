// Package openid is a strict OpenID provider for tests, over real HTTP: it refuses
// every request that is not as OpenID Connect and PKCE have it, and can be made to
// answer wrongly.
package openid

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// A Provider has one client and says that whoever comes is Person.
type Provider struct {
	*httptest.Server
	ClientID, Secret, Redirect string

	mu     sync.Mutex
	person map[string]any
	wrong  func(*jwt.Token) any // changes a token; what it returns signs it, nil is the key
	keys   []*rsa.PrivateKey    // the last signs
	codes  map[string]url.Values
	t      testing.TB
}

// New starts a provider.
func New(t testing.TB, redirect string) *Provider {
	t.Helper()
	p := &Provider{ClientID: "pave", Secret: "pvcnry-oidc-secret", Redirect: redirect, codes: map[string]url.Values{}, t: t,
		person: map[string]any{"sub": "u1", "preferred_username": "ada"}}
	p.Rotate()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /keys", p.jwks)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

// Rotate lets another key sign; those before are forgotten.
func (p *Provider) Rotate() {
	p.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = append(p.keys, key)
}

// Say sets whose claims are given, and how a token is made wrong.
func (p *Provider) Say(person map[string]any, wrong func(*jwt.Token) any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.person, p.wrong = person, wrong
}

// PublicKey is what some take for a shared secret.
func (p *Provider) PublicKey() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keys[len(p.keys)-1].N.Bytes()
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	reply(w, map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"}, "code_challenge_methods_supported": []string{"S256"}})
}

func (p *Provider) jwks(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := p.keys[len(p.keys)-1].PublicKey
	b64 := base64.RawURLEncoding.EncodeToString
	reply(w, map[string]any{"keys": []any{map[string]string{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": p.kid(),
		"n": b64(key.N.Bytes()), "e": b64(big.NewInt(int64(key.E)).Bytes())}}})
}

func (p *Provider) kid() string { return fmt.Sprint("key", len(p.keys)) }

// authorize is what a browser is sent to: it signs the person in at once.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	for name, want := range map[string]string{"client_id": p.ClientID, "redirect_uri": p.Redirect, "response_type": "code", "code_challenge_method": "S256"} {
		if q.Get(name) != want {
			http.Error(w, fmt.Sprintf("%s is %q, not %q", name, q.Get(name), want), http.StatusBadRequest)
			return
		}
	}
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if len(q.Get(name)) < 40 {
			http.Error(w, name+" is too short", http.StatusBadRequest)
			return
		}
	}
	if !strings.Contains(" "+q.Get("scope")+" ", " openid ") {
		http.Error(w, "scope lacks openid", http.StatusBadRequest)
		return
	}
	code := rand.Text()
	p.mu.Lock()
	p.codes[code] = q
	p.mu.Unlock()
	http.Redirect(w, r, p.Redirect+"?"+url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {p.URL}}.Encode(), http.StatusFound)
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	refuse := func(why string) {
		w.WriteHeader(http.StatusBadRequest)
		reply(w, map[string]string{"error": "invalid_grant", "error_description": why})
	}
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	asked, ok := p.codes[r.PostFormValue("code")]
	delete(p.codes, r.PostFormValue("code"))
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	switch {
	case id != p.ClientID || secret != p.Secret:
		refuse("client")
	case !ok:
		refuse("code")
	case r.PostFormValue("grant_type") != "authorization_code" || r.PostFormValue("redirect_uri") != p.Redirect:
		refuse("redirect_uri")
	case base64.RawURLEncoding.EncodeToString(sum[:]) != asked.Get("code_challenge"):
		refuse("code_verifier")
	default:
		reply(w, map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 300, "id_token": p.identity(asked.Get("nonce"))})
	}
}

func (p *Provider) identity(nonce string) string {
	claims := jwt.MapClaims{"iss": p.URL, "aud": p.ClientID, "nonce": nonce, "iat": time.Now().Unix(), "exp": time.Now().Add(5 * time.Minute).Unix()}
	maps.Copy(claims, p.person)
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	t.Header["kid"] = p.kid()
	var key any = p.keys[len(p.keys)-1]
	if p.wrong != nil {
		if other := p.wrong(t); other != nil {
			key = other
		}
	}
	text, err := t.SignedString(key)
	if err != nil {
		p.t.Error(err)
	}
	return text
}
