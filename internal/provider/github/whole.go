package github

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"

	"github.com/pave-platform/pave"
)

// whole hands on answers that are whole, and of the API. The library takes whatever comes
// of a call whose answer it does not need for success, and the error that was cut off for
// one without a text.
type whole struct{ next http.RoundTripper }

// RoundTrip reads the answers of changes, and those that say no.
func (w whole) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := w.next.RoundTrip(r)
	if err != nil || r.Method == http.MethodGet && resp.StatusCode < http.StatusBadRequest { // the library reads it
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < http.StatusMultipleChoices && len(body) > 0 && !json.Valid(body) {
		return nil, pave.Errorf(pave.Unavailable, "what answered does not speak GitHub's API").WithHint(strangeHint)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// strangeHint is what there is to do where something else answered.
const strangeHint = "see that url is right, and what is between: pave get environments"
