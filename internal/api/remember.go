package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/once"
)

// converging are the routes that come to the same when they are carried out again
// after the server died on them; PUT and DELETE do by themselves.
var converging = map[string]bool{"plan": true, "create-service": true, "apply-plan": true, "apply-plan-file": true, "seal-value": true,
	"upload-template": true, "import-templates": true, "approve-run": true, "deny-run": true, "suspend-user": true, "resume-user": true}

// takesKey reports whether a route takes an Idempotency-Key: those that change
// something and know their caller.
func takesKey(op *huma.Operation) bool {
	return op.Method != http.MethodGet && op.Metadata["permission"] != access.Public
}

// remember carries a call with an Idempotency-Key out once: the same key of the same
// caller is answered as the first time, for a day, also after a restart. What failed
// has changed nothing and may be sent again with its key.
func (s *server) remember(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	r = r.WithContext(ctx.Context())
	key := r.Header.Get("Idempotency-Key")
	if key == "" || !takesKey(ctx.Operation()) {
		next(ctx)
		return
	}
	if key != clean(key, 200) {
		s.writeProblem(w, r, pave.BadField("Idempotency-Key", clip(key, 60), "is not 1 to 200 printable ASCII characters", "a random UUID will do"))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, ctx.Operation().MaxBodyBytes))
	if err != nil {
		s.writeProblem(w, r, newProblem(http.StatusRequestEntityTooLarge, "the body is too large or was cut off"))
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	who, _ := pave.PrincipalFrom(r.Context())
	call := once.Call{Actor: who.User.ID + " " + who.Scope, Key: key, Digest: digest(r, body),
		Again: r.Method != http.MethodPost || converging[ctx.Operation().OperationID]}
	before, err := s.Once.Begin(r.Context(), call)
	if err != nil {
		s.writeProblem(w, r, keyProblem(key, err))
		return
	}
	if before != nil {
		replay(w, before)
		return
	}
	s.carryOut(ctx, r, w, call, next)
}

// carryOut keeps the answer of a success, and frees the key of anything else.
func (s *server) carryOut(ctx huma.Context, r *http.Request, w http.ResponseWriter, call once.Call, next func(huma.Context)) {
	after := context.WithoutCancel(r.Context())
	kept := false
	defer func() {
		if !kept {
			if err := s.Once.Forget(after, call); err != nil {
				s.Log.Warn("idempotency key not freed", "err", err)
			}
		}
	}()
	rec := record(ctx, r, w, next)
	if rec.ok() {
		a := once.Answer{Status: rec.status, Header: map[string]string{}, Body: rec.body.Bytes()}
		for _, h := range []string{"Content-Type", "Location", "ETag"} {
			if v := rec.header.Get(h); v != "" {
				a.Header[h] = v
			}
		}
		// Not kept, the call may be carried out again, which is what its caller knows
		// of calls without a key.
		if err := s.Once.End(after, call, a); err != nil {
			s.Log.Warn("answer not kept", "err", err)
		} else {
			kept = true
		}
	}
	rec.send()
}

func replay(w http.ResponseWriter, a *once.Answer) {
	for k, v := range a.Header {
		w.Header().Set(k, v)
	}
	w.Header().Set("Idempotency-Replayed", "true")
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // the caller may be gone
}

func keyProblem(key string, err error) error {
	switch {
	case errors.Is(err, once.ErrOther):
		p := asProblem(pave.Errorf(pave.Invalid, "idempotency key %q was used for another call", key).WithHint("send a new key"))
		p.Status, p.Title = http.StatusUnprocessableEntity, http.StatusText(http.StatusUnprocessableEntity)
		return p
	case errors.Is(err, once.ErrBusy):
		p := asProblem(pave.Errorf(pave.Conflict, "the first call with idempotency key %q is still being carried out", key).WithHint("send it again in a moment"))
		p.retryAfter = 1
		return p
	case errors.Is(err, once.ErrUnknown):
		return pave.Errorf(pave.Conflict, "the server ended while it carried out the call with idempotency key %q", key).
			WithHint("look whether it was done; if not, send it with a new key")
	}
	return err
}

// digest is over all that a call asks for. JSON keeps the parts apart.
func digest(r *http.Request, body []byte) string {
	sum := sha256.Sum256(body)
	text, err := json.Marshal([]string{r.Method, r.URL.Path, r.URL.RawQuery, hex.EncodeToString(sum[:])})
	if err != nil {
		panic(err) // strings only
	}
	sum = sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
