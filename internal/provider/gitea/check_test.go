package gitea

import (
	"maps"
	"strings"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	fake "github.com/pave-platform/pave/test/githost/gitea"
)

// A binding by which every repository would fail is refused, by its setting.
func TestCheckBinding(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	s.AddTeam("squad", "write")
	d, _ := driver(t, s.World())
	for _, c := range []struct{ setting, failed string }{
		{"topics=shop", ""},
		{"callback=https://pave.example.com/here", ""},
		{"callback=http://10.0.0.1:7483", ""},
		{"callback=foo", "callback"},
		{"callback=ftp://pave.example.com", "callback"},
		{"callback=https:///here", "callback"},
		{"callback=https://pave.example.com?x=1", "callback"},
		{"visibility=public", ""},
		{"visibility=internal", "one of private, public"},
		{"teams=none", ""},
		{"teams=web=squad,pay=squad", ""},
		{"teams=foo", "--set teams=web=web-devs"},
		{"teams=web=squad,pay=nope", "no team nope, which teams names for pay"},
	} {
		name, value, _ := strings.Cut(c.setting, "=")
		b := resource.Opened{Settings: map[string]string{"url": s.URL, "org": s.Org, "allow": "127.0.0.1"}, Secrets: map[string]pave.Secret{"token": pave.NewSecret(s.Token)}}
		maps.Copy(b.Settings, map[string]string{name: value})
		failed := ""
		for _, check := range d.CheckBinding(t.Context(), b) {
			if !check.OK {
				failed += check.Detail + " / " + check.Fix
			}
		}
		if (failed == "") != (c.failed == "") || !strings.Contains(failed, c.failed) {
			t.Errorf("%s: %q, want %q", c.setting, failed, c.failed)
		}
	}
	for _, f := range d.Fields() {
		if f.Name == "visibility" && strings.Join(f.OneOf, " ") != "private public" {
			t.Errorf("visibility is described as %v", f.OneOf)
		}
	}
}
