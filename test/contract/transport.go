package contract

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// maxBody bounds what is read of a body to judge it.
const maxBody = 64 << 20

// streams are types of answers that have no end: of them only the beginning counts.
var streams = []string{"text/event-stream", "application/x-ndjson", "application/octet-stream"}

// A Transport judges every call that goes through it by the document of the server
// that answers. It is safe for concurrent use.
type Transport struct {
	Base http.RoundTripper
	// Report takes each breach.
	Report func(error)

	mu   sync.Mutex
	docs map[string]*Document // by origin
}

// RoundTrip makes a call and judges it.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	sent, req, err := sentBody(req)
	if err != nil {
		return nil, err
	}
	resp, err := t.Base.RoundTrip(req)
	if err != nil || strings.HasPrefix(req.URL.Path, "/git/") {
		return resp, err
	}
	doc, err := t.document(req)
	if err != nil {
		return resp, nil // the server went away: nothing to judge by
	}
	var body []byte
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); !slices.Contains(streams, kind) {
		data, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
		if err != nil {
			resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(data), failing{err}))
			return resp, nil
		}
		resp.Body.Close()
		resp.Body = io.NopCloser(bytes.NewReader(data))
		body = append([]byte{}, data...)
	}
	if err := doc.Check(req, sent, resp, body); err != nil {
		t.Report(err)
	}
	return resp, nil
}

// sentBody reads the body of a request and puts it back.
func sentBody(req *http.Request) ([]byte, *http.Request, error) {
	if req.Body == nil || strings.HasPrefix(req.URL.Path, "/git/") {
		return nil, req, nil
	}
	sent, err := io.ReadAll(io.LimitReader(req.Body, maxBody))
	req.Body.Close()
	req = req.Clone(req.Context())
	req.Body = io.NopCloser(bytes.NewReader(sent))
	return sent, req, err
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// document is that of the server of a request.
func (t *Transport) document(req *http.Request) (*Document, error) {
	origin := req.URL.Scheme + "://" + req.URL.Host
	t.mu.Lock()
	defer t.mu.Unlock()
	if d := t.docs[origin]; d != nil {
		return d, nil
	}
	ask, err := http.NewRequestWithContext(req.Context(), http.MethodGet, origin+"/openapi.json", nil)
	if err != nil {
		return nil, err
	}
	resp, err := t.Base.RoundTrip(ask)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("openapi.json: %s: %w", resp.Status, err)
	}
	d, err := Parse(data)
	if err != nil {
		t.Report(err)
		return nil, err
	}
	if t.docs == nil {
		t.docs = map[string]*Document{}
	}
	t.docs[origin] = d
	return d, nil
}
