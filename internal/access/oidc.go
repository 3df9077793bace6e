package access

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	pave "github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
	"golang.org/x/oauth2"
)

// OIDC is an OpenID provider that says who people are.
type OIDC struct {
	Issuer   string
	ClientID string
	Secret   pave.Secret // "" for a public client
	Redirect string      // our callback, as it is registered there
	Groups   []GroupRule
	HTTP     *http.Client
}

// A GroupRule gives those of a group at the provider a role: of a team, or with no
// team viewer or admin of the platform.
type GroupRule struct{ Group, Team, Role string }

// ParseGroupRule reads GROUP=TEAM:ROLE, or GROUP=admin or viewer.
func ParseGroupRule(text string) (GroupRule, error) {
	group, right, ok := strings.Cut(text, "=")
	r := GroupRule{Group: group, Role: right}
	if team, role, of := strings.Cut(right, ":"); of {
		r.Team, r.Role = team, role
	}
	_, nameErr := pave.ParseName("team", r.Team)
	switch {
	case !ok || group == "":
	case r.Team == "" && (r.Role == pave.RoleAdmin || r.Role == pave.RoleViewer):
		return r, nil
	case nameErr == nil && slices.Contains(teamRoles, r.Role):
		return r, nil
	}
	return r, pave.BadField("oidc-group", text, "is not of the form GROUP=TEAM:ROLE or GROUP=admin", "--oidc-group engineers=payment-squad:developer")
}

// signers are the ways to sign an identity that are taken: none and shared secrets
// are not among them.
var signers = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.ES256, oidc.ES384, oidc.EdDSA}

// sso is the provider once it was reached.
type sso struct {
	OIDC
	mu       sync.Mutex
	provider *oidc.Provider
}

// UseOIDC lets people sign in by a provider. It is reached at the first login.
func (a *Access) UseOIDC(o OIDC) { a.sso = &sso{OIDC: o} }

// Issuer is the provider that people sign in by, "" for none.
func (a *Access) Issuer() string {
	if a.sso == nil {
		return ""
	}
	return a.sso.Issuer
}

// find reaches the provider and reads what it says of itself.
func (s *sso) find(ctx context.Context) (*oidc.Provider, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.provider != nil {
		return s.provider, nil
	}
	// Its keys are fetched again later, when this request is long over.
	p, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), s.HTTP), s.Issuer)
	if err != nil {
		return nil, pave.Errorf(pave.Unavailable, "the OpenID provider %s cannot be used: %w", s.Issuer, err).
			WithHint("is --oidc-issuer its exact address?")
	}
	s.provider = p
	return p, nil
}

func (s *sso) oauth(p *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{ClientID: s.ClientID, ClientSecret: s.Secret.Reveal(), RedirectURL: s.Redirect, Endpoint: p.Endpoint(),
		Scopes: []string{oidc.ScopeOpenID, "profile", "email", "groups"}}
}

// errSSO does not say what is wrong with a login.
var errSSO = pave.Errorf(pave.Denied, "not signed in: the login was used, is too old or came from another browser").
	WithHint("pave login URL --device, then again on its page")

// StartOIDC begins the login of the person before whom a program waits: where they
// go, and what their browser must bring back.
func (a *Access) StartOIDC(ctx context.Context, device string) (address, browser string, err error) {
	if a.sso == nil {
		return "", "", pave.Errorf(pave.NotFound, "there is no OpenID provider here").WithHint("sign in with the code of an invitation")
	}
	if _, _, err := a.Waiting(ctx, device); err != nil {
		return "", "", err
	}
	p, err := a.sso.find(ctx)
	if err != nil {
		return "", "", err
	}
	state, nonce, verifier := random(32), random(32), oauth2.GenerateVerifier()
	browser = random(32)
	err = a.db.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM oidc_logins WHERE expires < $1`, time.Now()); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM oidc_logins`).Scan(&n); err != nil {
			return err
		}
		if n >= maxDevices {
			return pave.Errorf(pave.Unavailable, "too many logins wait at the same time").WithHint("try again in %s", deviceLife)
		}
		_, err := tx.Exec(ctx, `INSERT INTO oidc_logins (state, browser, device, nonce, verifier, expires) VALUES ($1, $2, $3, $4, $5, $6)`,
			hashToken(state), hashToken(browser), deviceCode(device), nonce, verifier, time.Now().Add(deviceLife))
		return err
	})
	return a.sso.oauth(p).AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), browser, err
}

// A pending login is one that came back.
type pending struct{ device, nonce, verifier string }

// FinishOIDC ends a login: with what the provider sent and what the browser kept, the
// waiting program is signed in as the person. A state works once.
func (a *Access) FinishOIDC(ctx context.Context, state, browser, code string) (pave.User, error) {
	var u pave.User
	if a.sso == nil {
		return u, errSSO
	}
	back, err := a.takeLogin(ctx, state, browser)
	if err != nil {
		return u, err
	}
	id, err := a.sso.exchange(ctx, back, code)
	if err != nil {
		return u, err
	}
	err = a.db.Tx(ctx, func(tx *store.Tx) error {
		if u, err = a.userOf(ctx, tx, id); err != nil {
			return err
		}
		if !u.Suspended.IsZero() {
			return errSSO
		}
		if err := a.applyGroups(ctx, tx, &u, id.Groups); err != nil {
			return err
		}
		return approve(ctx, tx, u.ID, back.device)
	})
	return u, err
}

// takeLogin uses a state up, also where the rest is wrong.
func (a *Access) takeLogin(ctx context.Context, state, browser string) (pending, error) {
	var p pending
	var kept string
	err := a.db.Tx(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(ctx, `DELETE FROM oidc_logins WHERE state = $1 AND expires > $2 RETURNING browser, device, nonce, verifier`,
			hashToken(state), time.Now()).Scan(&kept, &p.device, &p.nonce, &p.verifier)
	})
	if errors.Is(err, errNoRows) || err == nil && subtle.ConstantTimeCompare([]byte(kept), []byte(hashToken(browser))) != 1 {
		return p, errSSO
	}
	return p, err
}

// identity is what a provider says of a person.
type identity struct {
	Issuer  string   `json:"-"`
	Subject string   `json:"-"`
	Name    string   `json:"preferred_username"`
	Email   string   `json:"email"`
	Groups  []string `json:"groups"`
	Azp     string   `json:"azp"`
}

// exchange asks the provider for the identity behind a code and checks it.
func (s *sso) exchange(ctx context.Context, back pending, code string) (identity, error) {
	var id identity
	p, err := s.find(ctx)
	if err != nil {
		return id, err
	}
	refused := func(why string) error {
		return pave.Errorf(pave.Denied, "not signed in: the OpenID provider's answer is refused: %s", why).WithHint("pave login URL --device, then again on its page")
	}
	ctx = oidc.ClientContext(ctx, s.HTTP)
	token, err := s.oauth(p).Exchange(ctx, code, oauth2.VerifierOption(back.verifier))
	if err != nil {
		return id, refused("it gave no token")
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return id, refused("it gave no identity")
	}
	checked, err := p.Verifier(&oidc.Config{ClientID: s.ClientID, SupportedSigningAlgs: signers}).Verify(ctx, raw)
	if err != nil {
		return id, refused(oneLine(err.Error()))
	}
	if err := checked.Claims(&id); err != nil {
		return id, refused("its claims cannot be read")
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(checked.Nonce), []byte(back.nonce)) != 1:
		return id, refused("the nonce is another one")
	case len(checked.Audience) > 1 && id.Azp != s.ClientID, id.Azp != "" && id.Azp != s.ClientID:
		return id, refused("it is for another client")
	case checked.Subject == "":
		return id, refused("it names nobody")
	}
	id.Issuer, id.Subject = checked.Issuer, checked.Subject
	return id, nil
}

// oneLine is a text of others, fit for one line.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, s)
	return s[:min(len(s), 200)]
}

// userOf is the user of an identity, made at the first login. A name that somebody
// has already is not theirs because it is the same.
func (a *Access) userOf(ctx context.Context, tx *store.Tx, id identity) (pave.User, error) {
	u, err := scanUser(tx.QueryRow(ctx, `SELECT `+userColumns+` FROM users u JOIN identities i ON i.user_id = u.id
		WHERE i.issuer = $1 AND i.subject = $2`, id.Issuer, id.Subject))
	if !errors.Is(err, errNoRows) {
		return u, err
	}
	base := userName(id)
	for n := 1; ; n++ {
		name := base
		if n > 1 {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		var made bool
		if u, made, err = a.ensureUser(ctx, tx, pave.User{Name: name, Email: email(id.Email)}); err != nil {
			return u, err
		}
		if made {
			break
		}
	}
	if err := a.AuditTx(ctx, tx, "add user", "user:"+u.Name, "by "+id.Issuer); err != nil {
		return u, err
	}
	_, err = tx.Exec(ctx, `INSERT INTO identities (issuer, subject, user_id, created) VALUES ($1, $2, $3, $4)`, id.Issuer, id.Subject, u.ID, time.Now())
	return u, err
}

// userName makes a user name of what a provider calls somebody.
func userName(id identity) string {
	text, _, _ := strings.Cut(id.Name, "@")
	if text == "" {
		text, _, _ = strings.Cut(id.Email, "@")
	}
	text = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			return r
		}
		return -1
	}, strings.ToLower(text))
	if text = strings.TrimLeft(text, "0123456789._-"); text == "" {
		return "user"
	}
	return text[:min(len(text), 50)]
}

func email(text string) string {
	if len(text) > 200 || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return ""
	}
	return text
}

// applyGroups brings the roles that rules speak of up to what the groups say; other
// roles stay. A team that is not there gives nobody a role.
func (a *Access) applyGroups(ctx context.Context, tx *store.Tx, u *pave.User, groups []string) error {
	if len(a.sso.Groups) == 0 {
		return nil
	}
	if err := a.AuditTx(ctx, tx, "apply groups", "user:"+u.Name, "by "+a.sso.Issuer); err != nil {
		return err
	}
	best := map[string]string{} // role by team, "" for the platform
	for _, r := range a.sso.Groups {
		has := slices.Contains(groups, r.Group)
		if _, seen := best[r.Team]; !seen {
			best[r.Team] = ""
		}
		if has && rank(r.Role) > rank(best[r.Team]) {
			best[r.Team] = r.Role
		}
	}
	for team, role := range best {
		if team == "" {
			if err := a.setOwnRole(ctx, tx, u, role); err != nil {
				return err
			}
			continue
		}
		t, found, err := a.TeamNamed(ctx, tx, pave.Name(team))
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		if role != "" {
			err = putMember(ctx, tx, t.ID, u.ID, role)
		} else {
			_, err = tx.Exec(ctx, `DELETE FROM members WHERE team_id = $1 AND user_id = $2`, t.ID, u.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func rank(role string) int {
	return slices.Index([]string{"", pave.RoleViewer, pave.RoleDeveloper, pave.RoleLead, pave.RoleAdmin}, role)
}
