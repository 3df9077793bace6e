package api

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/pave-platform/pave"
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
