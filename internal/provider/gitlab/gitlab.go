// Package gitlab speaks to GitLab, of gitlab.com or of a server of one's own: it
// implements what githost asks of a host. An organisation is a group, or a subgroup such
// as acme/payments; a team is a group that a project is shared with. What an edition has
// not, such as approvals in the free one, is said and left out. It knows nothing of
// resources.
package gitlab

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/httpc"
	"github.com/pave-platform/pave/internal/provider/githost"
	"github.com/pave-platform/pave/internal/resource"
)

// Vendor opens hosts of GitLab. Its zero value is ready.
type Vendor struct {
	// Allow are private addresses that may be reached, whatever a binding says.
	Allow []string
	// Timeout bounds each call; 0: what is usual.
	Timeout time.Duration

	hosts sync.Map // *Host by binding
}

var _ githost.Vendor = (*Vendor)(nil)

// Name is that of the provider.
func (*Vendor) Name() string { return "gitlab" }

// Fields are what a binding needs beside the settings of every git host.
func (*Vendor) Fields() []pave.BindingField {
	return []pave.BindingField{
		{Name: "url", Address: true, Default: "https://gitlab.com", Description: "address of the server"},
		{Name: "token", Required: true, Secret: true,
			Description: "personal or group access token with the scope api and the role Owner, or Maintainer, who may not delete"},
	}
}

// Open returns the host of a binding, which is the same one for an equal binding: it
// keeps to what the server said of limits.
func (v *Vendor) Open(b resource.Opened) (githost.Host, error) {
	key := [4]string{b.Settings["url"], b.Settings["org"], b.Settings["allow"], b.Secrets["token"].Reveal()}
	if h, ok := v.hosts.Load(key); ok {
		return h.(*Host), nil
	}
	h, err := open(b, v.Allow, v.Timeout)
	if err != nil {
		return nil, err
	}
	one, _ := v.hosts.LoadOrStore(key, h)
	return one.(*Host), nil
}

func open(b resource.Opened, allow []string, within time.Duration) (*Host, error) {
	base, err := address(b.Settings["url"])
	if err != nil {
		return nil, err
	}
	org, token := strings.Trim(b.Settings["org"], "/"), b.Secrets["token"]
	if org == "" || strings.ContainsAny(org, "?#% ") || strings.Contains(org, "//") {
		return nil, pave.BadField("org", org, "is not the path of a group", "for example --set org=acme or acme/payments")
	}
	if token.Reveal() == "" {
		return nil, pave.BadField("token", "", "is missing", "make a group access token with the scope api, and give it by --secret token")
	}
	allow = slices.Concat(allow, strings.FieldsFunc(b.Settings["allow"], func(r rune) bool { return r == ',' || r == ' ' }))
	calls, err := githost.NewClient(allow, within)
	if err != nil {
		return nil, err
	}
	git, err := githost.NewGitClient(allow, within, base.Scheme+"://"+base.Host, httpc.Login{User: "pave", Password: token})
	if err != nil {
		return nil, err
	}
	// How often and when to call again, the client below and the engine decide.
	api, err := gitlab.NewClient(token.Reveal(), gitlab.WithBaseURL(base.JoinPath("api", "v4").String()), gitlab.WithHTTPClient(calls),
		gitlab.WithoutRetries(), gitlab.WithCustomLimiter(unlimited{}))
	if err != nil {
		return nil, pave.BadField("url", base.String(), "is not the address of a server", "for example --set url=https://gitlab.example.com")
	}
	return &Host{api: api, org: org, base: base, git: git}, nil
}

type unlimited struct{}

// Wait waits for nothing.
func (unlimited) Wait(ctx context.Context) error { return ctx.Err() }

// address is the checked address of a server.
func address(s string) (*url.URL, error) {
	if s == "" {
		s = "https://gitlab.com"
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, pave.BadField("url", s, "is not the address of a server", "for example --set url=https://gitlab.example.com")
	}
	u.Path = path.Clean("/" + u.Path)
	return u, nil
}

// Host is one group of a server.
type Host struct {
	api  *gitlab.Client
	org  string // the group's path
	base *url.URL
	git  *http.Client

	mu    sync.Mutex
	group int64 // its id, once it was asked for

	free atomic.Bool // it refused a rule for approvals, which others than the free edition take
}

var (
	_ githost.Host      = (*Host)(nil)
	_ githost.Protector = (*Host)(nil)
	_ githost.Granter   = (*Host)(nil)
	_ githost.Owner     = (*Host)(nil)
	_ githost.Environer = (*Host)(nil)
	_ githost.Valuer    = (*Host)(nil)
	_ githost.Dropper   = (*Host)(nil)
	_ githost.Hooker    = (*Host)(nil)
	_ githost.Teller    = (*Host)(nil)
	_ githost.Runner    = (*Host)(nil)
	_ githost.Reviewer  = (*Host)(nil)
	_ githost.Filer     = (*Host)(nil)
)

// Git is the address of a project and a client that signs in there.
func (h *Host) Git(_ context.Context, name string) (string, *http.Client, error) {
	return h.base.JoinPath(h.org, name+".git").String(), h.git, nil
}

// path is that of a project, which stands for its number in all calls.
func (h *Host) path(name string) string { return h.org + "/" + name }

// with makes a call end with ctx.
func with(ctx context.Context) gitlab.RequestOptionFunc { return gitlab.WithContext(ctx) }
