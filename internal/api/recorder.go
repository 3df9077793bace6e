package api

import (
	"bytes"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// A recorder keeps an answer until it is known what becomes of it.
type recorder struct {
	to     http.ResponseWriter
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(b)
}

// Unwrap lets deadlines reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.to }

// ok reports whether the answer is a success.
func (r *recorder) ok() bool { return r.status >= 200 && r.status < 300 }

// send passes the answer on.
func (r *recorder) send() {
	for name, values := range r.header {
		r.to.Header()[name] = values
	}
	r.to.WriteHeader(r.status)
	_, _ = r.to.Write(r.body.Bytes()) // the caller may be gone
}

// record runs the rest of a route and keeps its answer.
func record(ctx huma.Context, r *http.Request, w http.ResponseWriter, next func(huma.Context)) *recorder {
	rec := &recorder{to: w, header: http.Header{}}
	next(humago.NewContext(ctx.Operation(), r, rec))
	rec.WriteHeader(http.StatusOK)
	return rec
}
