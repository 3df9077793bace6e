// Package fault has the answers that no client wishes for, as handlers that stand before
// the API of a fake git host.
package fault

import (
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/pave-platform/pave"
)

// A Fault is one such answer, and what is to come of it.
type Fault struct {
	Name   string
	Answer http.HandlerFunc
	// Code is that of the error; "" is that the call is put off until the host wants it.
	Code pave.Code
}

const huge = 100 << 20 // bytes of a body

// All are the faults there are; elsewhere is another server, which a redirect leads to.
func All(elsewhere string) []Fault {
	status := func(code int, header, value, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if header != "" {
				w.Header().Set(header, value)
			}
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		}
	}
	said := `{"message":"as the test has it"}`
	soon := time.Now().Add(2 * time.Second).UTC().Format(http.TimeFormat)
	return []Fault{
		{"401", status(401, "", "", said), pave.Denied},
		{"403", status(403, "", "", said), pave.Denied},
		{"409", status(409, "", "", said), pave.Conflict},
		{"422", status(422, "", "", said), pave.Invalid},
		{"429 with seconds", status(429, "Retry-After", "1", said), ""},
		{"429 with a date", status(429, "Retry-After", soon, said), ""},
		{"500", status(500, "", "", said), pave.Unavailable},
		{"502 of a proxy", status(502, "Content-Type", "text/html", "<html>pvcnry</html>"), pave.Unavailable},
		{"503 with seconds", status(503, "Retry-After", "1", said), ""},
		{"a page", status(200, "Content-Type", "text/html", "<html>sign in</html>"), pave.Unavailable},
		{"half of an answer", status(200, "", "", `{"id":1,"na`), pave.Unavailable},
		{"too much", flood, pave.Invalid},
		{"a cut", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, pave.Unavailable},
		{"302 to another host", status(302, "Location", elsewhere+"/", ""), pave.Denied},
		{"307 to another host", status(307, "Location", elsewhere+"/", ""), pave.Denied},
	}
}

// flood answers with more than anybody reads.
func flood(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	block := []byte(strings.Repeat(" ", 1<<20))
	for range huge / len(block) {
		if _, err := w.Write(block); err != nil {
			return // the client has had enough
		}
	}
}
