package api

import (
	"context"
	"math"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"golang.org/x/time/rate"
)

// recheck is how often a request that goes on is looked at: its token may have
// been revoked, or its user may do something else now.
const recheck = 2 * time.Second

// permit authenticates the caller of a route and asks for its permission.
func (s *server) permit(ctx huma.Context, next func(huma.Context)) {
	perm, _ := ctx.Operation().Metadata["permission"].(access.Permission)
	r, w := humago.Unwrap(ctx)
	c, leave, err := s.enter(r, perm)
	defer leave()
	if err != nil {
		s.writeProblem(w, r, err)
		return
	}
	next(huma.WithContext(ctx, c))
}

// enter returns the context of an authenticated caller that has a permission, and
// what ends it. Where the object decides, the platform asks again.
func (s *server) enter(r *http.Request, perm access.Permission) (context.Context, func(), error) {
	ctx, leave := r.Context(), func() {}
	p := pave.Principal{Address: r.RemoteAddr, Request: requestID(r)}
	if perm == access.Public {
		if r.Method == http.MethodPost {
			return pave.WithPrincipal(ctx, p), leave, s.limits.allow("from "+host(r), limitPublic)
		}
		return pave.WithPrincipal(ctx, p), leave, nil
	}
	if perm == access.Signed {
		return pave.WithPrincipal(ctx, p), leave, s.limits.allow("from "+host(r), limitSigned)
	}
	if perm == access.Hook {
		if !sameToken(tokenOf(r), s.HookToken) {
			return ctx, leave, pave.Errorf(pave.Denied, "not signed in: the hook's token is not valid")
		}
		return pave.WithPrincipal(ctx, p), leave, nil
	}
	p, err := s.caller(r)
	if err != nil {
		return ctx, leave, err
	}
	ctx = pave.WithPrincipal(ctx, p)
	if id := clean(r.Header.Get("Pave-Invocation"), 40); id != "" && p.Command != "" {
		if err := s.Access.UsedCommand(ctx, id, p.User.ID, p.Command, clean(r.Header.Get("Pave-Version"), 40)); err != nil {
			s.Log.Warn("use of a command not recorded", "err", err)
		}
	}
	if err := s.Access.Enter(ctx, perm); err != nil {
		return ctx, leave, err
	}
	ctx, leave = s.watch(ctx, tokenOf(r), p)
	return ctx, leave, nil
}

// caller authenticates a request and counts it: what fails counts against its
// address, what does not against its user.
func (s *server) caller(r *http.Request) (pave.Principal, error) {
	p, err := s.Access.Authenticate(r.Context(), tokenOf(r))
	if pave.CodeOf(err) == pave.Denied {
		if busy := s.limits.allow("from "+host(r), limitFailed); busy != nil {
			return p, busy
		}
	}
	if err != nil {
		return p, err
	}
	p.Address = r.RemoteAddr
	p.Request = requestID(r)
	p.Command = clean(r.Header.Get("Pave-Command"), 60)
	p.Idempotency = clean(r.Header.Get("Idempotency-Key"), 200)
	return p, s.limits.allow(p.User.ID, limitActor)
}

// watch ends the context of a request once its token is good no longer or its
// user's rights are others than at its start: a stream's reader comes back with
// what holds then.
func (s *server) watch(ctx context.Context, token string, p pave.Principal) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	var mu sync.Mutex
	var timer *time.Timer
	look := func() {
		now, err := s.Access.Authenticate(ctx, token)
		if pave.CodeOf(err) == pave.Denied || err == nil && !sameRights(p, now) {
			cancel()
		}
		mu.Lock()
		defer mu.Unlock()
		if ctx.Err() == nil {
			timer.Reset(recheck)
		}
	}
	mu.Lock()
	timer = time.AfterFunc(recheck, look)
	mu.Unlock()
	return ctx, func() {
		cancel()
		mu.Lock()
		defer mu.Unlock()
		timer.Stop()
	}
}

func sameRights(a, b pave.Principal) bool {
	if a.User.Admin != b.User.Admin || a.User.Viewer != b.User.Viewer || len(a.Teams) != len(b.Teams) {
		return false
	}
	for i := range a.Teams {
		if a.Teams[i] != b.Teams[i] {
			return false
		}
	}
	return true
}

func host(r *http.Request) string {
	h, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return h
}

// Limits: calls a second, and how many may come at once. People share addresses, so
// a good token is never held up by the wrong ones of a neighbour.
type limit struct {
	name  string
	rate  rate.Limit
	burst int
}

var (
	limitActor  = limit{"calls", 200, 2000}
	limitPublic = limit{"calls to sign in", 20, 200}
	limitSigned = limit{"messages of hosts", 50, 500}
	limitFailed = limit{"calls without a good token", 50, 1000}
)

// maxLimited bounds how many callers are remembered; beyond, all are forgotten.
const maxLimited = 10_000

// limits counts calls by caller.
type limits struct {
	mu  sync.Mutex
	all map[string]*rate.Limiter
}

func (l *limits) of(who string, of limit) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := of.name + "\x00" + who
	if l.all == nil || len(l.all) > maxLimited {
		l.all = map[string]*rate.Limiter{}
	}
	if l.all[key] == nil {
		l.all[key] = rate.NewLimiter(of.rate, of.burst)
	}
	return l.all[key]
}

// allow counts a call; one too many is a problem that says when to come back.
func (l *limits) allow(who string, of limit) error {
	if l.of(who, of).Allow() {
		return nil
	}
	return tooMany(of)
}

func tooMany(of limit) error {
	after := max(1, int(math.Ceil(1/float64(of.rate))))
	p := asProblem(pave.Errorf(pave.Unavailable, "too many %s: at most %g a second", of.name, float64(of.rate)).
		WithHint("wait %d s and try again", after))
	p.Status, p.Title, p.retryAfter = http.StatusTooManyRequests, http.StatusText(http.StatusTooManyRequests), after
	return p
}
