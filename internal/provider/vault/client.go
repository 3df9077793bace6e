package vault

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/httpc"
)

// A call is one request to the API; its path follows /v1/.
type call struct {
	method, path, query string
	in, out             any
	mayMiss             bool // 404 is an answer, which goes to out
}

const (
	mergePatch = "application/merge-patch+json"
	longWait   = 5 * time.Minute // no wish to be left alone counts for longer
	noHurry    = time.Second     // where it asks, and does not say for how long
)

// do sends a call. A token that is refused is made anew, once: it may have ended.
func (s *session) do(ctx context.Context, c call) error {
	token, err := s.signed(ctx, pave.Secret{})
	if err != nil {
		return err
	}
	err = s.once(ctx, token, c)
	a, ok := answerOf(err)
	if !ok || a.status != http.StatusForbidden && a.status != http.StatusUnauthorized {
		return err
	}
	again, err := s.signed(ctx, token)
	if err != nil {
		return err
	}
	return s.once(ctx, again, c)
}

// once sends a call with a token and reads its answer.
func (s *session) once(ctx context.Context, token pave.Secret, c call) error {
	if err := s.patience(); err != nil {
		return err
	}
	r, err := s.request(ctx, token, c)
	if err != nil {
		return err
	}
	resp, err := s.http.Do(r)
	if err != nil {
		return s.unreached(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return s.unreached(err)
	}
	a := &answer{server: s.cfg.address.Host, call: c.method + " " + c.path, status: resp.StatusCode}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	isJSON := kind == "application/json" && json.Valid(body)
	if isJSON {
		a.read(body, token, c.in)
	}
	s.hush(a, resp.Header.Get("Retry-After"))
	switch ok := resp.StatusCode < 300; {
	case ok && (len(a.errors) > 0 || c.out == nil && len(body) > 0):
		return pave.Errorf(pave.Unavailable, "%s answers %s with %d and another thing than it should: %s", a.server, a.call, a.status, a.text())
	case !ok && (!c.mayMiss || resp.StatusCode != http.StatusNotFound || len(a.errors) > 0 || !isJSON):
		return a.judged()
	case ok && len(body) == 0:
		if c.out != nil && resp.StatusCode != http.StatusNoContent {
			return pave.Errorf(pave.Unavailable, "%s answers %s with nothing", a.server, a.call)
		}
		return nil
	case !isJSON:
		return pave.Errorf(pave.Unavailable, "%s answers %s with %s, which is no JSON", a.server, a.call, or(kind, "something")).
			WithHint("is a Vault at %s, without a page of a gateway before it?", s.cfg.address)
	}
	if c.out == nil { // what is to be taken away is not there
		return nil
	}
	if err := json.Unmarshal(body, c.out); err != nil { // its text may hold a value
		return pave.Errorf(pave.Unavailable, "%s answers %s with JSON of another form", a.server, a.call)
	}
	return nil
}

func (s *session) request(ctx context.Context, token pave.Secret, c call) (*http.Request, error) {
	var body io.Reader
	if c.in != nil {
		text, err := json.Marshal(c.in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	u := *s.cfg.address
	u.Path, u.RawQuery = "/v1/"+c.path, c.query
	r, err := http.NewRequestWithContext(ctx, c.method, u.String(), body)
	if err != nil {
		return nil, err
	}
	switch {
	case c.method == http.MethodPatch:
		r.Header.Set("Content-Type", mergePatch)
	case body != nil:
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("X-Vault-Request", "true")
	if !token.IsZero() {
		r.Header.Set("X-Vault-Token", token.Reveal())
	}
	if s.cfg.namespace != "" {
		r.Header.Set("X-Vault-Namespace", s.cfg.namespace)
	}
	return r, nil
}

// patience is Unavailable as long as the server wished to be left alone: nobody waits
// here, the engine comes again.
func (s *session) patience() error {
	s.mu.Lock()
	until := s.quiet
	s.mu.Unlock()
	if time.Until(until) <= 0 {
		return nil
	}
	return pave.Errorf(pave.Unavailable, "%s asks to be left alone: %w", s.cfg.address.Host, pave.Later{At: until}).
		WithHint("give the command again then; a run goes on by itself")
}

// hush notes until when the server is not to be asked: seconds or a date.
func (s *session) hush(a *answer, retryAfter string) {
	if a.status != http.StatusTooManyRequests && (a.status != http.StatusServiceUnavailable || retryAfter == "") {
		return
	}
	now := time.Now()
	until, told := httpc.RetryAfter(retryAfter, now)
	if !told {
		until = now.Add(noHurry)
	}
	if latest := now.Add(longWait); until.After(latest) {
		until = latest
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quiet = until
}

// unreached classifies what went wrong before there was an answer.
func (s *session) unreached(err error) error {
	var known *pave.Error
	var cert *tls.CertificateVerificationError
	host := s.cfg.address.Host
	switch {
	case errors.As(err, &known) && known.Code == pave.Denied && strings.Contains(known.Message, "not a public address"):
		return pave.Errorf(pave.Denied, "%s", known.Message).WithHint("if that is meant: pave bind ... --set allow=%s", host)
	case errors.As(err, &known) && errors.As(err, &cert):
		return known.WithHint("pave bind ... --set ca_file=FILE, with the authority of the server in PEM")
	case errors.As(err, &known) && known.Code == pave.Denied:
		return known
	case errors.As(err, &known): // a body over the bound
		return pave.Errorf(pave.Unavailable, "%s: %s", host, known.Message)
	}
	return pave.Errorf(pave.Unavailable, "%s is not reached: %w", host, cause(err)).WithHint(again)
}

// cause is an error of a client without the address it repeats.
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// again is what there is to do where Vault does not answer, or says that it cannot now.
const again = "give the command again; a run tries by itself, and goes on with pave retry once it has stopped"

// An answer is one that says no.
type answer struct {
	server, call string
	status       int
	errors       []string
}

// read takes the errors of an answer, without what was sent.
func (a *answer) read(body []byte, token pave.Secret, in any) {
	var got struct{ Errors []string }
	if json.Unmarshal(body, &got) != nil {
		return
	}
	hidden := append(textsIn(in), token.Reveal())
	for _, text := range got.Errors {
		for _, h := range hidden {
			if len(h) > 3 {
				text = strings.ReplaceAll(text, h, "••••••")
			}
		}
		a.errors = append(a.errors, strings.Join(strings.Fields(text), " "))
	}
}

// textsIn are the values of a request, which an answer may repeat.
func textsIn(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case map[string]any:
		var out []string
		for _, item := range v {
			out = append(out, textsIn(item)...)
		}
		return out
	}
	return nil
}

func (a *answer) text() string {
	text := strings.Join(a.errors, "; ")
	if text == "" {
		text = http.StatusText(a.status)
	}
	return text[:min(len(text), 300)]
}

func (a *answer) Error() string {
	return fmt.Sprintf("%s answers %s with %d: %s", a.server, a.call, a.status, a.text())
}

// judged is the error of pave for an answer.
func (a *answer) judged() error {
	text := a.text()
	code, hint := pave.Invalid, ""
	switch {
	case a.status == http.StatusForbidden, a.status == http.StatusUnauthorized:
		code, hint = pave.Denied, "let an operator of Vault add the policy in docs/vault.md; pave doctor names what is missing"
	case strings.Contains(text, "no handler for route"):
		hint = "no store is mounted there: vault secrets enable -path=MOUNT kv-v2, or pave bind ... --set mount=MOUNT"
	case a.status == http.StatusNotFound:
		code = pave.NotFound
	case a.status == http.StatusMethodNotAllowed:
		hint = "pave needs Vault 1.10, OpenBao, or newer, and a KV store of version 2"
	case a.mismatch():
		code = pave.Conflict
	case a.status == http.StatusTooManyRequests, a.status == http.StatusPreconditionFailed, a.status == 472, a.status == 473, a.status >= 500:
		code, hint = pave.Unavailable, again
		if strings.Contains(text, "sealed") {
			hint = "an operator of Vault unseals it: vault operator unseal"
		}
	}
	e := pave.Errorf(code, "%s answers %s with %d: %w", a.server, a.call, a.status, errText{a, text})
	if hint != "" {
		e = e.WithHint("%s", hint)
	}
	return e
}

// errText keeps the answer below its text.
type errText struct {
	*answer
	text string
}

func (e errText) Error() string { return e.text }
func (e errText) Unwrap() error { return e.answer }

func answerOf(err error) (*answer, bool) {
	var a *answer
	ok := errors.As(err, &a)
	return a, ok
}
