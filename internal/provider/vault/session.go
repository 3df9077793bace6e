package vault

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/httpc"
	"github.com/pave-platform/pave/internal/resource"
)

const (
	callTimeout = 20 * time.Second
	maxBody     = 2 << 20
	maxSessions = 64
	renewAgain  = 30 * time.Second // after a renewal that failed
)

// A session is what the driver has with one server as one who signed in.
type session struct {
	cfg    server
	http   *http.Client
	secret func(ctx context.Context, name string) (pave.Secret, error) // what it signs in with

	signing   chan struct{} // one signs in at a time
	mu        sync.Mutex
	token     pave.Secret
	renewable bool
	full      time.Duration // how long the token was good at first; 0: for ever
	renew     time.Time     // from when on it is renewed
	end       time.Time
	quiet     time.Time // not asked before, as the server wished
}

// sessions are those of all bindings by what they say.
type sessions struct {
	mu  sync.Mutex
	all map[string]*session
}

// of returns the session of a binding.
func (all *sessions) of(b resource.Bound, values Values, timeout time.Duration) (*session, error) {
	key, err := json.Marshal([]map[string]string{b.Settings, b.Secrets})
	if err != nil {
		return nil, err
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	if s := all.all[string(key)]; s != nil {
		return s, nil
	}
	cfg, err := serverOf(b.Settings)
	if err != nil {
		return nil, err
	}
	s, err := newSession(cfg, timeout)
	if err != nil {
		return nil, err
	}
	s.secret = func(ctx context.Context, name string) (pave.Secret, error) { return values.Get(ctx, b.Secrets[name]) }
	if all.all == nil || len(all.all) >= maxSessions {
		all.all = map[string]*session{}
	}
	all.all[string(key)] = s
	return s, nil
}

// newSession has signed in nowhere yet, and has nothing to sign in with.
func newSession(cfg server, timeout time.Duration) (*session, error) {
	o := httpc.Options{Allow: cfg.allow, Timeout: timeout, MaxBytes: maxBody, Roots: cfg.roots}
	if o.Timeout == 0 {
		o.Timeout = callTimeout
	}
	s := &session{cfg: cfg, signing: make(chan struct{}, 1)}
	var err error
	s.http, err = httpc.New(o)
	return s, err
}

// signed returns a token that is good, and signs in or renews it where it is time. One
// that was refused is not returned again.
func (s *session) signed(ctx context.Context, refused pave.Secret) (pave.Secret, error) {
	select {
	case s.signing <- struct{}{}:
		defer func() { <-s.signing }()
	case <-ctx.Done():
		return pave.Secret{}, pave.Errorf(pave.Unavailable, "sign in to %s: %w", s.cfg.address.Host, ctx.Err())
	}
	token, renewable, renew, end := s.held()
	now := time.Now()
	switch {
	case token.IsZero() || token == refused:
	case end.IsZero() || now.Before(renew):
		return token, nil
	case now.Before(end) && renewable && s.prolong(ctx, token) == nil:
		return token, nil
	case now.Before(end) && s.cfg.auth == "token": // nobody can give another one
		s.mu.Lock()
		defer s.mu.Unlock()
		s.renew = now.Add(renewAgain)
		return token, nil
	}
	return s.signIn(ctx)
}

// signOut gives the token back that this session got.
func (s *session) signOut(ctx context.Context) {
	if token, _, _, _ := s.held(); !token.IsZero() && s.cfg.auth != "token" {
		_ = s.once(ctx, token, call{method: http.MethodPost, path: "auth/token/revoke-self", in: map[string]any{}}) // else it ends by itself
	}
}

func (s *session) held() (token pave.Secret, renewable bool, renew, end time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token, s.renewable, s.renew, s.end
}

// lease is what the server says of a token.
type lease struct {
	Token     string `json:"client_token"`
	Seconds   int    `json:"lease_duration"`
	Renewable bool
}

// keep notes a token, and from when on it is renewed: after two thirds of its time.
func (s *session) keep(token pave.Secret, l lease, full time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := time.Duration(l.Seconds) * time.Second
	s.token, s.renewable, s.full = token, l.Renewable, full
	s.renew, s.end = time.Time{}, time.Time{}
	if d > 0 {
		s.renew, s.end = time.Now().Add(d*2/3), time.Now().Add(d)
	}
}

// prolong renews the token. It is an error where the server gives little more time: the
// token is at the end of what it may have, and a new one is due.
func (s *session) prolong(ctx context.Context, token pave.Secret) error {
	var got struct{ Auth lease }
	err := s.once(ctx, token, call{method: http.MethodPost, path: "auth/token/renew-self", in: map[string]any{}, out: &got})
	if err != nil {
		return err
	}
	s.keep(token, got.Auth, s.full)
	if s.cfg.auth != "token" && time.Duration(got.Auth.Seconds)*time.Second < s.full/3 {
		return pave.Errorf(pave.Unavailable, "the token is near its end")
	}
	return nil
}

// signIn gets a token. Denied where the server does not know who asks.
func (s *session) signIn(ctx context.Context) (pave.Secret, error) {
	in := map[string]any{}
	switch s.cfg.auth {
	case "token":
		return s.givenToken(ctx)
	case "approle":
		secret, err := s.secret(ctx, "secret_id")
		if err != nil {
			return pave.Secret{}, s.lost(err)
		}
		in["role_id"], in["secret_id"] = s.cfg.role, strings.TrimSpace(secret.Reveal())
	case "kubernetes":
		jwt, err := s.account()
		if err != nil {
			return pave.Secret{}, err
		}
		in["role"], in["jwt"] = s.cfg.role, jwt
	}
	var got struct{ Auth lease }
	err := s.once(ctx, pave.Secret{}, call{method: http.MethodPost, path: "auth/" + s.cfg.authMount + "/login", in: in, out: &got})
	if err != nil {
		return pave.Secret{}, s.unknown(err)
	}
	if got.Auth.Token == "" {
		return pave.Secret{}, pave.Errorf(pave.Unavailable, "%s signed in by %s and gave no token", s.cfg.address.Host, s.cfg.auth)
	}
	token := pave.NewSecret(got.Auth.Token)
	s.keep(token, got.Auth, time.Duration(got.Auth.Seconds)*time.Second)
	return token, nil
}

// jwt is the form of a service account's token.
var jwt = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)

// account reads the token of the service account. What is no token goes nowhere: the
// binding may name any file that the server can read.
func (s *session) account() (string, error) {
	text, err := os.ReadFile(s.cfg.jwt)
	if err != nil {
		return "", pave.Errorf(pave.Denied, "the token of the service account cannot be read: %w", err).
			WithHint("run the server in the cluster, or give the binding another way to sign in (--set auth=approle)")
	}
	token := strings.TrimSpace(string(text))
	if !jwt.MatchString(token) {
		return "", pave.Errorf(pave.Denied, "%s holds no token of a service account", s.cfg.jwt).WithHint("--set jwt_file=FILE")
	}
	return token, nil
}

// givenToken learns how long the binding's own token is good.
func (s *session) givenToken(ctx context.Context) (pave.Secret, error) {
	token, err := s.secret(ctx, "token")
	if err != nil {
		return token, s.lost(err)
	}
	token = pave.NewSecret(strings.TrimSpace(token.Reveal()))
	var got struct {
		Data struct {
			TTL       int
			Renewable bool
		}
	}
	if err := s.once(ctx, token, call{method: http.MethodGet, path: "auth/token/lookup-self", out: &got}); err != nil {
		return pave.Secret{}, s.unknown(err)
	}
	s.keep(token, lease{Seconds: got.Data.TTL, Renewable: got.Data.Renewable}, time.Duration(got.Data.TTL)*time.Second)
	return token, nil
}

// unknown tells who was refused; what is not a refusal stays.
func (s *session) unknown(err error) error {
	a, ok := answerOf(err)
	if !ok || !slices.Contains([]int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}, a.status) {
		return err
	}
	return pave.Errorf(pave.Denied, "%s does not let pave in by %s: %s", s.cfg.address.Host, s.cfg.auth, a.text()).
		WithHint("pave bind again with what is good now: %s", s.again())
}

func (s *session) lost(err error) error {
	return pave.Errorf(pave.CodeOf(err), "what the binding signs in with cannot be read: %w", err).WithHint("pave bind again: %s", s.again())
}

// again is what a new binding gives.
func (s *session) again() string {
	if name := secretNames[s.cfg.auth]; name != "" {
		return "--secret-file " + name + "=FILE"
	}
	return "--set role=ROLE"
}
