package httpc

import (
	"bufio"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/pave-platform/pave"
)

// Credentials are user and password by origin: scheme, host and port together, so
// that they never go anywhere else.
type Credentials map[string]Login

// A Login is what an origin is shown.
type Login struct {
	User     string
	Password pave.Secret
}

// LoadCredentials reads a file of the form git's own store helper has: a line
// https://USER:PASSWORD@HOST for each origin. No file is no credentials. Invalid,
// without the line's text, where a line is not of the form; Denied where others may
// read the file.
func LoadCredentials(path string) (Credentials, error) {
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, pave.Errorf(pave.Unavailable, "read credentials: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Mode().Perm()&0o077 != 0 {
		return nil, pave.Errorf(pave.Denied, "%s can be read by others", path).WithHint("chmod 600 %s", path)
	}
	out := Credentials{}
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		u, err := url.Parse(plainHost(text))
		if err != nil || u.Host == "" || u.User == nil || u.Scheme != "https" && u.Scheme != "http" {
			return nil, pave.Errorf(pave.Invalid, "%s:%d: not of the form https://USER:PASSWORD@HOST", path, n).
				WithHint("a line for each host: https://USER:TOKEN@HOST")
		}
		password, _ := u.User.Password()
		out[origin(u)] = Login{u.User.Username(), pave.NewSecret(password)}
	}
	if err := lines.Err(); err != nil {
		return nil, pave.Errorf(pave.Invalid, "%s: %w", path, err)
	}
	return out, nil
}

// plainHost is a line with its host unescaped: git's helper writes 127.0.0.1%3a3000, which
// is no host of an address otherwise. A host that holds more than a host is left as it is.
func plainHost(line string) string {
	head, rest, _ := strings.Cut(line, "://")
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	at := strings.LastIndex(rest[:end], "@") + 1
	host, err := url.PathUnescape(rest[at:end])
	if err != nil || strings.ContainsAny(host, "/?#@% ") {
		return line
	}
	return head + "://" + rest[:at] + host + rest[end:]
}

// on returns the request with the credentials of its origin, if there are any and
// it carries none of its own.
func (c Credentials) on(r *http.Request) *http.Request {
	login, ok := c[origin(r.URL)]
	if !ok || r.Header.Get("Authorization") != "" {
		return r
	}
	r = r.Clone(r.Context())
	r.SetBasicAuth(login.User, login.Password.Reveal())
	return r
}
