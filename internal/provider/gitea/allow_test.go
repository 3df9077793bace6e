package gitea

import (
	"strings"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	fake "github.com/pave-platform/pave/test/githost/gitea"
)

// A server at a private address is allowed by its binding, and the error says how.
func TestPrivateAddress(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	h, err := new(Vendor).Open(resource.Opened{Settings: map[string]string{"url": s.URL, "org": s.Org}, Secrets: map[string]pave.Secret{"token": pave.NewSecret(s.Token)}})
	if err != nil {
		t.Fatal(err)
	}
	checks := h.Check(t.Context())
	host := strings.TrimPrefix(s.URL, "http://")
	if c := checks[0]; c.OK || !strings.HasSuffix(c.Fix, "--set allow="+host) {
		t.Errorf("%+v", c)
	}
}
