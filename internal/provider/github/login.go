package github

import (
	"context"
	"crypto/rsa"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	api "github.com/google/go-github/v92/github"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// A login is how a binding signs in.
type login interface {
	token(ctx context.Context) (pave.Secret, error)
	// renew reports whether another token may do better than one that was refused.
	renew(refused pave.Secret) bool
}

// A pat is a personal access token: there is no other.
type pat struct{ value pave.Secret }

func (p pat) token(context.Context) (pave.Secret, error) { return p.value, nil }
func (p pat) renew(pave.Secret) bool                     { return false }

// loginOf is the one way to sign in that a binding has.
func loginOf(b resource.Opened, at places, client *http.Client) (login, error) {
	token, key := b.Secrets["token"], b.Secrets["private_key"]
	id, installation := b.Settings["app_id"], b.Settings["installation_id"]
	isApp := id != "" || installation != "" || !key.IsZero()
	switch {
	case token.IsZero() && !isApp:
		return nil, pave.Errorf(pave.Invalid, "the binding has neither a token nor a GitHub App").
			WithHint("--secret token, or --set app_id=N --set installation_id=N --secret private_key")
	case !token.IsZero() && isApp:
		return nil, pave.Errorf(pave.Invalid, "the binding has both a token and a GitHub App").WithHint("give one of them")
	case !isApp:
		return pat{token}, nil
	case !numberPattern.MatchString(id):
		return nil, pave.BadField("app_id", id, "is no id of an App", "a number: see the settings of the App")
	case !numberPattern.MatchString(installation):
		return nil, pave.BadField("installation_id", installation, "is no id of an installation", "the number at the end of the address of its settings")
	}
	parsed, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(key.Reveal()))
	if err != nil { // its text may hold a part of the key
		return nil, pave.Errorf(pave.Invalid, "private_key is no RSA key in PEM").WithHint("--secret private_key < the .pem file that GitHub made for the App")
	}
	number, _ := strconv.ParseInt(installation, 10, 64) // matched above
	a := &app{id: id, installation: number, key: parsed}
	client.Transport = asApp{client.Transport, a}
	a.Client, err = at.client(client)
	return a, err
}

// An app signs in as the installation of an App, whose tokens last an hour.
type app struct {
	*api.Client  // signs in as the App itself
	id           string
	installation int64
	key          *rsa.PrivateKey

	mu   sync.Mutex
	last pave.Secret
	good time.Time // until then
}

// early is how long before its end a token is no longer used: a push may take a while.
const early = 10 * time.Minute

func (a *app) token(ctx context.Context) (pave.Secret, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.last.IsZero() && time.Now().Before(a.good) {
		return a.last, nil
	}
	t, _, err := a.Apps.CreateInstallationToken(ctx, a.installation, &api.InstallationTokenOptions{})
	if err != nil {
		return pave.Secret{}, problem("sign in as App "+a.id, err)
	}
	a.last, a.good = pave.NewSecret(t.GetToken()), t.GetExpiresAt().Add(-early)
	return a.last, nil
}

func (a *app) renew(refused pave.Secret) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.last == refused { // else another call has made a new one already
		a.last = pave.Secret{}
	}
	return true
}

// asApp signs what an App says as itself.
type asApp struct {
	next http.RoundTripper
	app  *app
}

// RoundTrip adds a token that is good for a moment.
func (t asApp) RoundTrip(r *http.Request) (*http.Response, error) {
	now := time.Now()
	claims := jwt.RegisteredClaims{Issuer: t.app.id, IssuedAt: jwt.NewNumericDate(now.Add(-time.Minute)), ExpiresAt: jwt.NewNumericDate(now.Add(8 * time.Minute))}
	text, err := jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(t.app.key)
	if err != nil {
		return nil, pave.Errorf(pave.Invalid, "private_key of App %s cannot sign", t.app.id)
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+text)
	return t.next.RoundTrip(r)
}
