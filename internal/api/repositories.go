package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/git"
)

// maxRepository is how large a history that is sent may be, in bytes, and maxAbout the
// line before it.
const (
	maxAbout      = 64 << 10
	maxRepository = git.MaxHistory + maxAbout
)

// repositoryRoutes bring repositories that no template made.
func (s *server) repositoryRoutes() {
	handle(s, operation{"POST", "/v1/repositories", "fetch-repository", "Bring the history of a repository at an address, to adopt it", access.Bring, http.StatusCreated, nil},
		func(ctx context.Context, in *struct {
			Body struct {
				Address  string `json:"address" minLength:"1" maxLength:"2000"`
				Revision string `json:"revision,omitempty" maxLength:"200" doc:"branch, tag or commit; the default branch without"`
			}
		}) (*one[pave.Repository], error) {
			return oneOf(s.Platform.FetchRepository(ctx, in.Body.Address, in.Body.Revision))
		})
	handle(s, operation{"POST", "/v1/repositories/{id}/secrets", "seal-for-repository", "Seal a value for a secret of the service that a repository is to become", access.Bring, http.StatusCreated, sealBody{}},
		func(ctx context.Context, in *struct {
			ID      string `path:"id"`
			RawBody []byte `contentType:"application/json"` // read here: no error may hold a part of it
		}) (*one[pave.SealedValue], error) {
			body, err := readSeal(in.RawBody)
			if err != nil {
				return nil, err
			}
			return oneOf(s.Platform.SealForRepository(ctx, in.ID, body.Name, pave.NewSecret(body.Value)))
		})
}

// sendRepository takes a history: one line of JSON that says what it is, then a pack of
// git's.
func (s *server) sendRepository(w http.ResponseWriter, r *http.Request) error {
	body := bufio.NewReaderSize(r.Body, maxAbout)
	line, err := body.ReadSlice('\n')
	var about pave.Repository
	if err == nil {
		err = json.Unmarshal(line, &about)
	}
	if err != nil {
		return pave.Errorf(pave.Invalid, "body: it does not begin with a line of JSON about the repository").
			WithHint(`send {"address": ..., "commit": ...}, a line end, and the pack`)
	}
	kept, err := s.Platform.SendRepository(r.Context(), about, body)
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return pave.Errorf(pave.Invalid, "the repository has more than %d MiB", git.MaxHistory>>20).
			WithHint("bring less of its history: git clone --depth 100, and adopt that folder")
	}
	if err != nil {
		_, _ = io.CopyN(io.Discard, r.Body, 1<<20) // so that who still sends reads the answer
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(kept)
}
