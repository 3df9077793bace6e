package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
)

// maxExec is how much a command may be given to read, in bytes.
const maxExec = 1 << 40

// maxExecLine bounds the first line of a command.
const maxExecLine = 256 << 10

// exec runs a command beside a process of a service. The body is a line of JSON, a
// pave.Exec, and then frames, for as long as somebody listens; the answer is frames.
func (s *server) exec(w http.ResponseWriter, r *http.Request) error {
	control := http.NewResponseController(w)
	if err := control.EnableFullDuplex(); err != nil {
		return err
	}
	in := bufio.NewReaderSize(r.Body, maxExecLine)
	line, err := in.ReadSlice('\n')
	if err != nil {
		return pave.Errorf(pave.Invalid, "body: it has no first line of JSON, at most %d bytes long", maxExecLine)
	}
	var e pave.Exec
	strict := json.NewDecoder(bytes.NewReader(line))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&e); err != nil {
		return invalidBody(err)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	started := false
	return s.Platform.Exec(r.Context(), r.PathValue("name"), e, in, w, func() error {
		if !started {
			started = true
			w.WriteHeader(http.StatusOK)
		}
		return control.Flush()
	})
}

// connectRoutes are about credentials of people to databases and caches.
func (s *server) connectRoutes() {
	p := s.Platform
	handle(s, operation{"POST", "/v1/services/{name}/connections", "connect", "Credentials of the caller's own to a database or cache, for a while", access.Write, http.StatusCreated, nil},
		func(ctx context.Context, in *struct {
			Name string `path:"name"`
			Body pave.ConnectRequest
		}) (*one[pave.Connection], error) {
			return oneOf(p.Connect(ctx, in.Name, in.Body))
		})
	handle(s, operation{"DELETE", "/v1/services/{name}/connections/{connection}", "disconnect", "Take such credentials away before their end", access.Write, http.StatusNoContent, nil},
		func(ctx context.Context, in *struct {
			Name       string `path:"name"`
			Connection string `path:"connection" maxLength:"60"`
		}) (*noContent, error) {
			return nil, p.Disconnect(ctx, in.Name, in.Connection)
		})
}
