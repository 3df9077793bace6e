// Package github speaks with GitHub, on github.com or of an Enterprise: it is the
// vendor behind provider/githost. It signs in with a token or as a GitHub App, obeys
// the host's limits, asks conditionally, and sends its credentials to that host alone.
package github

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	api "github.com/google/go-github/v92/github"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/httpc"
	"github.com/pave-platform/pave/internal/provider/githost"
	"github.com/pave-platform/pave/internal/resource"
)

const (
	maxAnswer  = 16 << 20 // bytes of an answer of the API
	apiTimeout = time.Minute
	gitTimeout = 10 * time.Minute
)

// A Vendor opens organisations of GitHub. Its zero value is ready.
type Vendor struct {
	// Allow are private addresses that the server may reach, whatever a binding says.
	Allow []string
	// Timeout bounds each call; 0: what is usual.
	Timeout time.Duration

	mu   sync.Mutex
	open map[string]*host // by digest of the binding
}

var _ githost.Vendor = (*Vendor)(nil)

// Name is github.
func (v *Vendor) Name() string { return "github" }

// Fields are where the host is, and how to sign in there.
func (v *Vendor) Fields() []pave.BindingField {
	return []pave.BindingField{
		{Name: "url", Address: true, Default: publicURL, Description: "address of GitHub; that of an Enterprise server is https://HOST"},
		{Name: "app_id", Description: "id of a GitHub App, in the place of a token"},
		{Name: "installation_id", Description: "id of the installation of the App in the organisation"},
		{Name: "token", Secret: true, Description: "personal access token, fine-grained or classic"},
		{Name: "private_key", Secret: true, Description: "private key of the App, PEM"},
	}
}

const publicURL = "https://github.com"

var (
	orgPattern    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,38}$`)
	numberPattern = regexp.MustCompile(`^[0-9]{1,19}$`)
)

// Open returns the organisation of a binding.
func (v *Vendor) Open(b resource.Opened) (githost.Host, error) {
	key := digest(b)
	v.mu.Lock()
	defer v.mu.Unlock()
	if h := v.open[key]; h != nil {
		return h, nil
	}
	h, err := v.dial(b)
	if err != nil {
		return nil, err
	}
	if v.open == nil || len(v.open) > 100 { // bindings change seldom
		v.open = map[string]*host{}
	}
	v.open[key] = h
	return h, nil
}

// digest names a binding with its secrets.
func digest(b resource.Opened) string {
	secrets := map[string]string{}
	for k, s := range b.Secrets {
		secrets[k] = s.Reveal()
	}
	text, err := json.Marshal([]any{b.Settings, secrets})
	if err != nil {
		panic(err) // maps of strings
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func (v *Vendor) dial(b resource.Opened) (*host, error) {
	org := b.Settings["org"]
	if !orgPattern.MatchString(org) {
		return nil, pave.BadField("org", org, "is no organisation's name", "--set org=NAME, as in https://github.com/NAME")
	}
	at, err := placesOf(b.Settings["url"])
	if err != nil {
		return nil, err
	}
	allow := slices.Concat(v.Allow, strings.FieldsFunc(b.Settings["allow"], func(r rune) bool { return r == ',' || r == ' ' }))
	apiWithin, gitWithin := cmp.Or(v.Timeout, apiTimeout), cmp.Or(v.Timeout, gitTimeout)
	plain, err := httpc.New(httpc.Options{Allow: allow, Timeout: apiWithin, MaxBytes: maxAnswer})
	if err != nil {
		return nil, err
	}
	heavy, err := httpc.New(httpc.Options{Allow: allow, Timeout: gitWithin})
	if err != nil {
		return nil, err
	}
	calls := whole{&limits{next: plain.Transport}}
	login, err := loginOf(b, at, &http.Client{Transport: calls, CheckRedirect: plain.CheckRedirect, Timeout: apiWithin})
	if err != nil {
		return nil, err
	}
	h := &host{org: org, at: at, login: login, settings: b.Settings}
	h.plain = &http.Client{Transport: &signed{next: &cached{next: calls}, login: login, at: at.api}, CheckRedirect: plain.CheckRedirect, Timeout: apiWithin}
	h.git = &http.Client{Transport: &signed{next: &limits{next: heavy.Transport}, login: login, at: at.git, basic: true}, CheckRedirect: heavy.CheckRedirect, Timeout: gitWithin}
	h.Client, err = at.client(h.plain)
	return h, err
}

// places are where the parts of a host are.
type places struct{ api, git *url.URL }

func placesOf(text string) (places, error) {
	if text == "" {
		text = publicURL
	}
	u, err := url.Parse(strings.TrimSuffix(text, "/"))
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return places{}, pave.BadField("url", text, "is no address of a host", "for example https://github.example.com")
	}
	git, at := *u, *u
	switch host := strings.ToLower(u.Hostname()); {
	case host == "github.com" || host == "api.github.com":
		git = url.URL{Scheme: "https", Host: "github.com"}
		at = url.URL{Scheme: "https", Host: "api.github.com", Path: "/"}
	case strings.HasSuffix(host, ".ghe.com"): // an Enterprise with data residency
		git.Host, git.Path = strings.TrimPrefix(host, "api."), ""
		at.Host, at.Path = "api."+git.Host, "/"
	default:
		git.Path = strings.TrimSuffix(git.Path, "/api/v3")
		at.Path = git.Path + "/api/v3/"
	}
	return places{&at, &git}, nil
}

func (p places) client(c *http.Client) (*api.Client, error) {
	base := p.api.String()
	client, err := api.NewClient(api.WithHTTPClient(c), api.WithURLs(&base, &base), api.WithDisableRateLimitCheck(), api.WithUserAgent("pave"))
	if err != nil {
		return nil, pave.Errorf(pave.Invalid, "url %s: %w", base, err)
	}
	return client, nil
}
