package templates_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
)

// identifies calls a service with its own workload identity: it knows the caller by
// the keys of the platform, and nobody without.
func (l live) identifies(t *testing.T) {
	t.Helper()
	first := copyOf(t, l.h, l.name)
	token, err := os.ReadFile(first.env["PAVE_TOKEN_FILE"])
	if err != nil {
		t.Fatal(err)
	}
	first.stop(t)()
	r := copyOf(t, l.h, l.name, "AUTH_ISSUER="+issuerOf(t, string(token)))
	if status, text := l.whoami(t, r, string(token)); status != http.StatusOK || !strings.Contains(text, `"service":"`+l.name+`"`) || !strings.Contains(text, `"team":"pavers"`) {
		t.Errorf("whoami answers %d %s", status, text)
	}
	for _, bad := range []string{"", "x." + string(token)[strings.Index(string(token), ".")+1:], string(token)[:len(token)-8] + "AAAAAAAA"} {
		if status, text := l.whoami(t, r, bad); status != http.StatusUnauthorized {
			t.Errorf("a token that is none gets %d %s", status, text)
		}
	}
	r.stop(t)()
}

func (l live) whoami(t *testing.T, r *replica, token string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, r.url+"/whoami", nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	return body(t, res, err)
}

// issuerOf reads who signed a token.
func issuerOf(t *testing.T, token string) string {
	t.Helper()
	var claims struct {
		Issuer string `json:"iss"`
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatal("the token is no JWT")
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(data, &claims)
	}
	if err != nil || claims.Issuer == "" {
		t.Fatalf("the token has no issuer: %v", err)
	}
	return claims.Issuer
}
