package api

import (
	"fmt"
	"html"
	"net/http"
	"strings"

	"github.com/pave-platform/pave"
)

// loginPage is where a person signs a waiting program in: first the code that the
// program shows, then what is waiting and from where, then who they are.
func (s *server) loginPage(w http.ResponseWriter, r *http.Request) error {
	code := r.URL.Query().Get("code")
	if code == "" {
		return page(w, http.StatusOK, `<form method="get" action="/login"><label>Code that pave login shows
			<input name="code" autofocus autocomplete="off" maxlength="20" required></label><button>Go on</button></form>`)
	}
	name, address, err := s.Access.Waiting(r.Context(), code)
	if pave.CodeOf(err) == pave.NotFound && forPeople(r) {
		return page(w, http.StatusNotFound, sayError(err))
	}
	if err != nil {
		return err
	}
	return page(w, http.StatusOK, fmt.Sprintf(`<p>pave on <b>%s</b> (from %s) wants to sign in as you.
		Go on only if you started it yourself, a moment ago.</p>
		<form method="post" action="/login"><input type="hidden" name="code" value="%s">
		<label>Code of your invitation, or a token of yours
		<input name="proof" type="password" autofocus autocomplete="off" maxlength="200" required></label><button>Sign it in</button></form>`,
		html.EscapeString(name), html.EscapeString(address), html.EscapeString(code))+s.oidcButton(code))
}

// loginForm takes what the page sends. A page of another origin cannot send it.
func (s *server) loginForm(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return pave.Errorf(pave.Invalid, "the form cannot be read")
	}
	err := s.Access.ApproveDevice(r.Context(), r.PostForm.Get("code"), r.PostForm.Get("proof"))
	switch code := pave.CodeOf(err); {
	case err == nil:
		return page(w, http.StatusOK, `<p>Done: the program goes on. You can close this page.</p>`)
	case forPeople(r) && (code == pave.Denied || code == pave.NotFound):
		return page(w, statuses[code], sayError(err))
	}
	return err
}

// forPeople reports whether the caller wants a page; programs get problems.
func forPeople(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "text/html") }

func sayError(err error) string {
	return fmt.Sprintf("<p>%s.</p><p>%s</p>", html.EscapeString(err.Error()), html.EscapeString(pave.HintOf(err)))
}

func page(w http.ResponseWriter, status int, body string) error {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, err := fmt.Fprintf(w, `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>pave: sign in</title><style>body{font:1rem/1.5 system-ui;max-width:32rem;margin:4rem auto;padding:0 1rem}
label,input,button{display:block;width:100%%;box-sizing:border-box;margin:.5rem 0;font:inherit}input,button{padding:.5rem}</style>
<h1>Sign in to pave</h1>%s`, body)
	return err
}
