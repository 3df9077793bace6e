package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
)

// sealBody is a value on its way into the vault.
type sealBody struct {
	Name  string `json:"name" doc:"variable the processes see"`
	Value string `json:"value" doc:"the secret itself; no answer ever holds it"`
}

// readSeal reads one; no error holds a part of it.
func readSeal(raw []byte) (body sealBody, err error) {
	if json.Unmarshal(raw, &body) != nil {
		return body, pave.Errorf(pave.Invalid, "body: it is not of the form {\"name\": ..., \"value\": ...}")
	}
	return body, nil
}

// secretly is an answer that nobody between may keep.
type secretly[T any] struct {
	CacheControl string `header:"Cache-Control"`
	Body         T
}

// settingRoutes are about variables and secrets of a service.
func (s *server) settingRoutes() {
	p := s.Platform
	handle(s, operation{"GET", "/v1/services/{name}/variables", "list-variables", "Variables of a service's processes", access.Read, 0, nil},
		func(ctx context.Context, in *pageNamed) (*list[pave.Variable], error) {
			return paged(in.Page, byVariable)(p.Variables(ctx, in.Name))
		})
	handle(s, operation{"GET", "/v1/services/{name}/secrets", "list-secrets", "Names of a service's secrets, never a value", access.Read, 0, nil},
		func(ctx context.Context, in *pageNamed) (*list[pave.SecretName], error) {
			return paged(in.Page, bySecret)(p.Secrets(ctx, in.Name))
		})
	handle(s, operation{"POST", "/v1/services/{name}/dev", "dev-environment", "What the service's program needs on the caller's machine, with a database of their own", access.Write, 0, nil},
		func(ctx context.Context, in *struct {
			Name string `path:"name"`
			Body pave.DevRequest
		}) (*secretly[pave.DevEnvironment], error) {
			out, err := p.DevEnvironment(ctx, in.Name, in.Body)
			return &secretly[pave.DevEnvironment]{"no-store", out}, err
		})
	handle(s, operation{"POST", "/v1/services/{name}/secrets", "seal-value", "Seal a value for a request \"set secret\" to come", access.Write, http.StatusCreated, sealBody{}},
		func(ctx context.Context, in *struct {
			Name    string `path:"name"`
			RawBody []byte `contentType:"application/json"` // read here: no error may hold a part of it
		}) (*one[pave.SealedValue], error) {
			body, err := readSeal(in.RawBody)
			if err != nil {
				return nil, err
			}
			return oneOf(p.SealValue(ctx, in.Name, body.Name, pave.NewSecret(body.Value)))
		})
}
