package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/pave-platform/pave"
)

// maxDepth is how deep JSON may be nested.
const maxDepth = 64

// strict refuses bodies that programs read differently: JSON whose objects name a
// member twice, that is nested without end or followed by more, or text that is none.
func (s *server) strict(ctx huma.Context, next func(huma.Context)) {
	op := ctx.Operation()
	r, w := humago.Unwrap(ctx)
	if op.RequestBody == nil || op.RequestBody.Content["application/json"] == nil || r.Body == nil {
		next(ctx)
		return
	}
	deadline := http.NewResponseController(w)
	_ = deadline.SetReadDeadline(time.Now().Add(bodyTime)) // a test's writer has none
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, op.MaxBodyBytes))
	_ = deadline.SetReadDeadline(time.Time{})
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		s.writeProblem(w, r, newProblem(http.StatusRequestEntityTooLarge, "the body is too large"))
		return
	case err != nil:
		s.writeProblem(w, r, newProblem(http.StatusRequestTimeout, "the body did not come"))
		return
	}
	if err := checkJSON(body); err != nil {
		s.writeProblem(w, r, err)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	next(ctx)
}

// checkJSON leaves what is wrong as JSON to who decodes it: their errors say more.
func checkJSON(body []byte) error {
	if !utf8.Valid(body) {
		return pave.Errorf(pave.Invalid, "body: it is not UTF-8").WithHint("send JSON in UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	type level struct {
		names map[string]bool // of an object; nil for a list
		value bool            // what comes next is the value of a name
	}
	var open []level
	for {
		token, err := d.Token()
		if err != nil {
			return nil
		}
		if delim, ok := token.(json.Delim); ok && (delim == '}' || delim == ']') {
			if open = open[:len(open)-1]; len(open) == 0 {
				return trailing(d)
			}
			continue
		}
		if n := len(open); n > 0 && open[n-1].names != nil {
			top := &open[n-1]
			if name, ok := token.(string); ok && !top.value {
				if top.names[name] {
					return pave.BadField(clip(name, 60), "", "is given twice", "name each member once")
				}
				top.names[name], top.value = true, true
				continue
			}
			top.value = false
		}
		delim, ok := token.(json.Delim)
		if !ok {
			continue
		}
		if len(open) >= maxDepth {
			return pave.Errorf(pave.Invalid, "body: it is nested deeper than %d", maxDepth).WithHint("send flatter JSON")
		}
		next := level{}
		if delim == '{' {
			next.names = map[string]bool{}
		}
		open = append(open, next)
	}
}

// trailing is an error where something follows the value.
func trailing(d *json.Decoder) error {
	if _, err := d.Token(); err == io.EOF {
		return nil
	}
	return pave.Errorf(pave.Invalid, "body: something follows the JSON value").WithHint("send one value")
}
