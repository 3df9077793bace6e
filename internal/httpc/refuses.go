package httpc

import (
	"net/http"
	"net/url"
)

// Refuses says why a client with these allowed addresses would never reach a URL, as
// far as that can be said without resolving its name; nil is that it may.
func Refuses(allow []string, u *url.URL) error {
	a, err := parseAllow(allow)
	if err != nil {
		return err
	}
	return a.unresolved(&http.Request{URL: u})
}
