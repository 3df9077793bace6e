package pave

import (
	"context"
	"time"
)

// Principal is who acts, by which token, from where. It goes into every run,
// event and audit row.
type Principal struct {
	User    User
	Teams   []Membership
	Token   string    // token id
	Scope   string    // of the token
	Service string    // id of the one service that a scoped token is for
	Expires time.Time // of the token; zero is never
	Address string    // remote address
	Request string    // request id
	Command string    // the pave command that made the call, "" for other clients
	// Idempotency is the key of a call that may be sent twice; "" for none.
	Idempotency string
}

type principalKey struct{}

// WithPrincipal returns a context that carries p.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// Anonymous reports whether nobody was authenticated although a door was entered.
func (p Principal) Anonymous() bool { return p.User.ID == "" }

// PrincipalFrom returns the caller; ok is false where nobody was authenticated.
func PrincipalFrom(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}
