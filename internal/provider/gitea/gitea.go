// Package gitea speaks to Gitea and Forgejo, which are one API in two hands: it
// implements what githost asks of a host, and says by name what a server's version has
// not. It knows nothing of resources.
package gitea

import (
	"context"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/httpc"
	"github.com/pave-platform/pave/internal/provider/githost"
	"github.com/pave-platform/pave/internal/resource"
)

// Vendor opens hosts of Gitea and Forgejo. Its zero value is ready.
type Vendor struct {
	// Allow are private addresses that may be reached, whatever a binding says.
	Allow []string
	// Timeout bounds each call; 0: what is usual.
	Timeout time.Duration

	hosts sync.Map // *Host by binding
}

var _ githost.Vendor = (*Vendor)(nil)

// Name is that of the provider.
func (*Vendor) Name() string { return "gitea" }

// Fields are what a binding needs beside the settings of every git host.
func (*Vendor) Fields() []pave.BindingField {
	return []pave.BindingField{
		{Name: "url", Address: true, Required: true, Description: "address of the server, such as https://git.example.com"},
		{Name: "token", Required: true, Secret: true,
			Description: "token of a user of the organisation, with write:repository, write:organization and read:user"},
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
	org, token := b.Settings["org"], b.Secrets["token"]
	if org == "" || strings.ContainsAny(org, "/?#% ") {
		return nil, pave.BadField("org", org, "is not the name of an organisation", "for example --set org=shop")
	}
	if token.Reveal() == "" {
		return nil, pave.BadField("token", "", "is missing", "make one under Settings, Applications, and give it by --secret token")
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
	return &Host{org: org, base: base, git: git, api: &api{base: base.JoinPath("api", "v1"), client: calls, token: token}}, nil
}

// address is the checked address of a server.
func address(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, pave.BadField("url", s, "is not the address of a server", "for example --set url=https://git.example.com")
	}
	u.Path = path.Clean("/" + u.Path)
	return u, nil
}

// Host is one organisation of a server.
type Host struct {
	*api
	org  string
	base *url.URL
	git  client
}

var (
	_ githost.Host      = (*Host)(nil)
	_ githost.Protector = (*Host)(nil)
	_ githost.Granter   = (*Host)(nil)
	_ githost.Owner     = (*Host)(nil)
	_ githost.Valuer    = (*Host)(nil)
	_ githost.Dropper   = (*Host)(nil)
	_ githost.Hooker    = (*Host)(nil)
	_ githost.Teller    = (*Host)(nil)
	_ githost.Runner    = (*Host)(nil)
	_ githost.Reviewer  = (*Host)(nil)
	_ githost.Filer     = (*Host)(nil)
)

// Git is the address of a repository and a client that signs in there.
func (h *Host) Git(_ context.Context, name string) (string, client, error) {
	return h.base.JoinPath(h.org, name+".git").String(), h.git, nil
}

// repo is the path of a repository, and of what belongs to it.
func (h *Host) repo(name string, more ...string) string {
	return join(append([]string{"repos", h.org, name}, more...)...)
}
