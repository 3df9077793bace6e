package api

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"

	"github.com/pave-platform/pave"
)

// browserCookie binds a login to the browser that began it.
const browserCookie = "pave_login"

// oidcButton is what the login page has where there is an OpenID provider.
func (s *server) oidcButton(code string) string {
	issuer := s.Access.Issuer()
	if issuer == "" {
		return ""
	}
	u, err := url.Parse(issuer)
	if err != nil {
		return ""
	}
	return fmt.Sprintf(`<p>or</p><form method="post" action="/login/oidc"><input type="hidden" name="code" value="%s">
		<button>Sign it in with %s</button></form>`, html.EscapeString(code), html.EscapeString(u.Host))
}

// oidcForm sends a person on to the provider. That they press the button on a page
// that names the program is what says that they mean it.
func (s *server) oidcForm(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return pave.Errorf(pave.Invalid, "the form cannot be read")
	}
	address, browser, err := s.Access.StartOIDC(r.Context(), r.PostForm.Get("code"))
	if err != nil {
		return s.loginProblem(w, r, err)
	}
	http.SetCookie(w, &http.Cookie{Name: browserCookie, Value: browser, Path: "/login", MaxAge: 600, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(s.Address, "https://")})
	// A page, not a redirect: browsers hold redirects of forms to the form's policy.
	return page(w, http.StatusOK, fmt.Sprintf(`<meta http-equiv="refresh" content="0;url=%[1]s"><p><a href="%[1]s">Go on to sign in</a></p>`,
		html.EscapeString(address)))
}

// oidcCallback is where the provider sends people back to.
func (s *server) oidcCallback(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	cookie, err := r.Cookie(browserCookie)
	http.SetCookie(w, &http.Cookie{Name: browserCookie, Path: "/login", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	browser := ""
	if err == nil {
		browser = cookie.Value
	}
	// Who names another issuer mixes providers up (RFC 9207).
	if iss := q.Get("iss"); iss != "" && iss != s.Access.Issuer() {
		return s.loginProblem(w, r, pave.Errorf(pave.Denied, "not signed in: the answer is of another provider").WithHint("pave login URL --device, then again on its page"))
	}
	u, err := s.Access.FinishOIDC(r.Context(), q.Get("state"), browser, q.Get("code"))
	if err != nil {
		return s.loginProblem(w, r, err)
	}
	return page(w, http.StatusOK, fmt.Sprintf(`<p>Done: the program goes on as <b>%s</b>. You can close this page.</p>`, html.EscapeString(u.Name)))
}

// loginProblem is a page for people, a problem for programs.
func (s *server) loginProblem(w http.ResponseWriter, r *http.Request, err error) error {
	code := pave.CodeOf(err)
	if !forPeople(r) || code == pave.Internal {
		return err
	}
	return page(w, asProblem(err).Status, sayError(err))
}
